"""The public half of the key that offers are signed with, as others read it."""

from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import OKPAlgorithm

from services.contracts.slot_offer import ALGORITHM
from services.kernel.errors import FieldError, Invalid


def public_jwk(pem: str, key_id: str) -> dict[str, Any]:
    """Return the JSON Web Key (RFC 8037) of the public half; raise Invalid unless ``pem`` is an Ed25519 private key."""
    try:
        private = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise Invalid(
            "Slot offers need an Ed25519 private key in PEM (openssl genpkey -algorithm ed25519).",
            errors=[FieldError("CARESLOT_OFFER_SIGNING_KEY", "not an Ed25519 private key")],
        )
    key: dict[str, Any] = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {**key, "kid": key_id, "alg": ALGORITHM, "use": "sig"}
