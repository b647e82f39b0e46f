"""What availability is told by its environment, beyond what every service is told."""

from pathlib import Path

from pydantic import Field

from services.kernel.errors import FieldError, Invalid
from services.kernel.runtime import ServiceSettings

_HELP = "CARESLOT_OFFER_SIGNING_KEY must be an Ed25519 private key in PEM (PKCS #8), or the path of a file with one."


class Settings(ServiceSettings):
    """Environment of the availability service."""

    offer_signing_key: str = Field(repr=False, description="Ed25519 private key: PEM text or the path of a PEM file")
    offer_key_id: str = Field(min_length=1, max_length=64, description="key id that offers name")
    horizon_days: int = Field(default=60, ge=1, le=366, description="days ahead for which working time is kept ready")

    def signing_key_pem(self) -> str:
        """Return the key's PEM text; raise Invalid saying what is expected."""
        if self.offer_signing_key.lstrip().startswith("-----BEGIN"):
            return self.offer_signing_key
        try:
            return Path(self.offer_signing_key).read_text("ascii")
        except (OSError, ValueError):
            raise Invalid(_HELP, errors=[FieldError("CARESLOT_OFFER_SIGNING_KEY", "not a readable PEM")]) from None
