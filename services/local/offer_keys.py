"""The key pair that slot offers are signed with: made once in a platform's folder, so that offers outlive a restart."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from services.local.state import write_private


@dataclass(frozen=True, slots=True)
class OfferKeyFiles:
    """``private`` is PKCS #8 PEM, ``public`` a JSON Web Key Set (RFC 7517); ``key_id`` names the key in both."""

    private: Path
    public: Path
    key_id: str


def ensure_offer_keys(folder: Path) -> OfferKeyFiles:
    """Return the key files in ``folder``, making an Ed25519 pair when there is none; both are 0600."""
    private, public = folder / "slot-offer.pem", folder / "slot-offer.jwks.json"
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
    jwks = {"keys": [{**described, "kid": key_id, "use": "sig", "alg": "EdDSA"}]}
    jwt.PyJWKSet.from_dict(jwks)
    write_private(public, json.dumps(jwks))
    return OfferKeyFiles(private, public, key_id)
