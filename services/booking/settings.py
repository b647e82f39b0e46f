"""What booking is told by its environment, on top of what every service is told."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import Field

from services.booking.domain.freed import GraceRules
from services.kernel.errors import Invalid
from services.kernel.runtime import ServiceSettings


class Settings(ServiceSettings):
    """Environment names are these with the prefix ``CARESLOT_``."""

    offer_keys: str = Field(
        description="availability's and waitlist's public keys: a JSON Web Key Set, or the path of a file with it"
    )
    break_glass_keys: str = Field(
        description="public keys of emergency accesses: a JSON Web Key Set, or the path of a file with it"
    )
    availability_url: str = Field(default="", description="availability's address; without it no alternatives")
    hold_seconds: int = Field(default=300, ge=10, le=3600, description="how long a hold lasts unless asked otherwise")
    hold_seconds_max: int = Field(default=900, ge=10, le=3600, description="how long a hold may be asked for")
    freed_grace_seconds: float = Field(
        default=30.0, ge=0, le=600, description="how long a freed slot is kept for those who wait; 0: not at all"
    )
    freed_notice_minutes: int = Field(
        default=120, ge=0, le=10080, description="slots that start sooner are not kept for those who wait"
    )
    sweep_seconds: float = Field(default=1.0, gt=0, le=60, description="pause between sweeps for expired holds")
    answers_hours: int = Field(default=48, ge=24, le=720, description="how long answers are kept for repeated keys")
    stream_seconds: float = Field(default=900.0, gt=0, le=3600, description="longest life of a live stream")
    heartbeat_seconds: float = Field(default=15.0, gt=0, le=60, description="pause between a stream's heartbeats")

    def grace_rules(self) -> GraceRules:
        """Return how long which freed slots are kept back."""
        return GraceRules(timedelta(seconds=self.freed_grace_seconds), timedelta(minutes=self.freed_notice_minutes))

    def offer_key_set(self) -> dict[str, Any]:
        """Return availability's keys; raise Invalid saying what is wrong with the setting."""
        text = self.offer_keys.strip()
        try:
            if not text.startswith("{"):
                text = Path(text).read_text("utf-8")
            found = json.loads(text)
        except (OSError, ValueError) as fault:
            raise Invalid(f"CARESLOT_OFFER_KEYS must be a JSON Web Key Set or a file with one: {fault}") from None
        if not isinstance(found, dict) or not found.get("keys"):
            raise Invalid("CARESLOT_OFFER_KEYS holds no key set: it needs a member 'keys' with at least one key.")
        return found
