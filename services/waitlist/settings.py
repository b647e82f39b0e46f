"""What waitlist is told by its environment, on top of what every service is told."""

from pathlib import Path

from pydantic import Field

from services.kernel.errors import FieldError, Invalid
from services.kernel.runtime import ServiceSettings

_HELP = "CARESLOT_OFFER_SIGNING_KEY must be an Ed25519 private key in PEM (PKCS #8), or the path of a file with one."


class Settings(ServiceSettings):
    """Environment names are these with the prefix ``CARESLOT_``."""

    booking_url: str = Field(description="booking's address")
    offer_signing_key: str = Field(repr=False, description="Ed25519 private key: PEM text or the path of a PEM file")
    offer_key_id: str = Field(min_length=1, max_length=64, description="key id that offers name")
    token_url: str = Field(description="where waitlist gets its own access token")
    client_id: str = Field(description="app client of the client-credentials grant")
    client_secret: str = Field(repr=False, description="its secret")
    notice_minutes: int = Field(default=120, ge=0, le=10080, description="no slot is offered that starts sooner")
    round_seconds: float = Field(default=0.5, gt=0, le=60, description="pause between rounds of offering")
    rush_seconds: float = Field(
        default=2.0, gt=0, le=10,
        description="pause after a round that offered something: what is freed meanwhile is offered together",
    )  # fmt: skip

    def signing_key_pem(self) -> str:
        """Return the key's PEM text; raise Invalid saying what is expected."""
        if self.offer_signing_key.lstrip().startswith("-----BEGIN"):
            return self.offer_signing_key
        try:
            return Path(self.offer_signing_key).read_text("ascii")
        except (OSError, ValueError):
            raise Invalid(_HELP, errors=[FieldError("CARESLOT_OFFER_SIGNING_KEY", "not a readable PEM")]) from None
