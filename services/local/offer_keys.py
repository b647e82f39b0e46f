"""The key pairs that slot offers and emergency accesses are signed with: made once in a platform's folder, so that
what they signed outlives a restart."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from services.contracts.break_glass import ISSUER as DIRECTORY
from services.contracts.slot_offer import ISSUER, WAITLIST
from services.local.state import write_private


@dataclass(frozen=True, slots=True)
class OfferKeyFiles:
    """``private`` is PKCS #8 PEM, ``public`` a JSON Web Key Set (RFC 7517); ``key_id`` names the key in both.

    The set holds availability's key and waitlist's, each with its owner (``iss``).
    """

    private: Path
    public: Path
    key_id: str
    waitlist_private: Path = Path()
    waitlist_key_id: str = ""


@dataclass(frozen=True, slots=True)
class GlassKeyFiles:
    """The directory's key for emergency accesses: ``private`` is PKCS #8 PEM, ``public`` a JSON Web Key Set."""

    private: Path
    public: Path
    key_id: str


def ensure_glass_keys(folder: Path) -> GlassKeyFiles:
    """Return the key files of emergency accesses in ``folder``, making the pair when there is none; all are 0600."""
    private, public = folder / "break-glass.pem", folder / "break-glass.jwks.json"
    key = _public_half(private, DIRECTORY)
    write_private(public, json.dumps({"keys": [key]}))
    return GlassKeyFiles(private, public, str(key["kid"]))


def ensure_offer_keys(folder: Path) -> OfferKeyFiles:
    """Return the key files in ``folder``, making Ed25519 pairs when there are none; all are 0600."""
    private, waitlist, public = (
        folder / name for name in ("slot-offer.pem", "waitlist-offer.pem", "slot-offer.jwks.json")
    )
    keys = [_public_half(private, ISSUER), _public_half(waitlist, WAITLIST)]
    jwks = {"keys": keys}
    jwt.PyJWKSet.from_dict(jwks)
    write_private(public, json.dumps(jwks))
    return OfferKeyFiles(private, public, str(keys[0]["kid"]), waitlist, str(keys[1]["kid"]))


def _public_half(private: Path, owner: str) -> dict[str, Any]:
    """Return the published half of the key in ``private``, making the key when there is none."""
    if not private.exists():
        key = Ed25519PrivateKey.generate()
        write_private(
            private,
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        )
    loaded = serialization.load_pem_private_key(private.read_bytes(), password=None)
    assert isinstance(loaded, Ed25519PrivateKey)
    described = OKPAlgorithm.to_jwk(loaded.public_key(), as_dict=True)
    key_id = hashlib.sha256(str(described["x"]).encode()).hexdigest()[:16]
    return {**described, "kid": key_id, "use": "sig", "alg": "EdDSA", "iss": owner}
