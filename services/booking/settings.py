"""What booking is told by its environment, on top of what every service is told."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import Field

from services.booking.domain.disruption import DisruptionRules
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
    late_cancel_hours: int = Field(
        default=24,
        ge=0,
        le=336,
        description="hours before the start within which cancelling is late, unless a rule says",
    )
    token_url: str = Field(default="", description="where booking gets its own access token, to search for others")
    client_id: str = Field(default="", description="app client of the client-credentials grant")
    client_secret: str = Field(default="", repr=False, description="its secret")
    disruption_round_seconds: float = Field(
        default=1.0, gt=0, le=600, description="pause between rounds of working off disruptions"
    )
    disruption_answer_hours: float = Field(
        default=4.0, gt=0, le=168, description="how long a patient's answer is waited for before somebody calls"
    )
    disruption_search_days: int = Field(
        default=28, ge=1, le=60, description="how far ahead alternatives are looked for"
    )
    disruption_within_km: float = Field(default=40.0, gt=0, le=500, description="how far away alternatives may be")
    disruption_cancel_minutes: int = Field(
        default=15, ge=1, le=1440, description="a visit still open so short before its start is cancelled"
    )
    sweep_seconds: float = Field(default=1.0, gt=0, le=60, description="pause between sweeps for expired holds")
    answers_hours: int = Field(default=48, ge=24, le=720, description="how long answers are kept for repeated keys")
    stream_seconds: float = Field(default=900.0, gt=0, le=3600, description="longest life of a live stream")
    heartbeat_seconds: float = Field(default=15.0, gt=0, le=60, description="pause between a stream's heartbeats")

    def grace_rules(self) -> GraceRules:
        """Return how long which freed slots are kept back."""
        return GraceRules(timedelta(seconds=self.freed_grace_seconds), timedelta(minutes=self.freed_notice_minutes))

    def disruption_rules(self) -> DisruptionRules:
        """Return how disruptions are worked off."""
        return DisruptionRules(
            window=timedelta(hours=self.disruption_answer_hours),
            ahead=timedelta(days=self.disruption_search_days),
            last_moment=timedelta(minutes=self.disruption_cancel_minutes),
        )

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
