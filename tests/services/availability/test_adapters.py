"""ZIP codes, keys and settings: read from outside, and plain about it when they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.availability.adapters.offer_keys import public_jwk
from services.availability.adapters.zip_centroids import PackagedZipCentroids
from services.availability.domain.places import distance_km
from services.availability.main import create
from services.availability.settings import Settings
from services.kernel.errors import Invalid
from tests.services.availability.bench import KEY
from tests.services.availability.places import BOSTON


def settings(key: str) -> Settings:
    return Settings(
        database_url="postgresql://x", token_issuer="i", token_audiences="a", token_jwks_url="u",
        access_policies=Path(), offer_signing_key=key, offer_key_id="k",
    )  # fmt: skip


def test_zip_codes_have_places() -> None:
    zips = PackagedZipCentroids()
    boston = zips.find("02108")
    assert boston is not None
    assert distance_km(boston, BOSTON.place) < 3
    assert zips.find("00000") is None
    assert zips.find("09012") is None, "overseas post offices of the armed forces have no place"


def test_the_key_may_be_text_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(KEY.pem)
    assert settings(KEY.pem).signing_key_pem() == settings(str(file)).signing_key_pem() == KEY.pem
    assert KEY.pem not in repr(settings(KEY.pem))
    with pytest.raises(Invalid):
        settings(str(tmp_path / "missing.pem")).signing_key_pem()


def test_only_an_ed25519_key_will_do() -> None:
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for pem in (other.decode(), "-----BEGIN nothing"):
        with pytest.raises(Invalid):
            public_jwk(pem, "k")
    assert public_jwk(KEY.pem, "k") | {"x": ""} == {
        "kty": "OKP", "crv": "Ed25519", "x": "", "kid": "k", "alg": "EdDSA", "use": "sig",
    }  # fmt: skip


def test_the_application_is_made_without_any_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CARESLOT_DATABASE_URL", "CARESLOT_OFFER_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert "/slots" in create().openapi()["paths"]
