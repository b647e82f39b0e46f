"""What availability is told by its environment, beyond what every service is told."""

from pathlib import Path

from pydantic import Field

from services.availability.domain.slotting.overbooking import Costs
from services.availability.domain.slotting.plan import SlottingRules
from services.availability.domain.slotting.reserve import ReservePolicy
from services.availability.domain.slotting.risk import NoShowModel
from services.kernel.errors import FieldError, Invalid
from services.kernel.runtime import ServiceSettings

_HELP = "CARESLOT_OFFER_SIGNING_KEY must be an Ed25519 private key in PEM (PKCS #8), or the path of a file with one."


class Settings(ServiceSettings):
    """Environment of the availability service."""

    offer_signing_key: str = Field(repr=False, description="Ed25519 private key: PEM text or the path of a PEM file")
    offer_key_id: str = Field(min_length=1, max_length=64, description="key id that offers name")
    horizon_days: int = Field(default=60, ge=1, le=366, description="days ahead for which working time is kept ready")
    search_index_megabytes: int = Field(
        default=256, ge=0, le=65536, description="memory the search index may take; 0: every search is answered in SQL"
    )
    slotting_model: str = Field(default="packaged", description="no-show model: a file of `slotting evaluate --write`")
    slotting_cost_idle: float = Field(default=1.0, ge=0, le=1000, description="cost of an idle clinician's minute")
    slotting_cost_wait: float = Field(default=0.05, ge=0, le=1000, description="cost of a waiting patient's minute")
    slotting_cost_overtime: float = Field(default=1.0, ge=0, le=1000, description="cost of a minute beyond hours")
    slotting_longest_wait: float = Field(
        default=12.0, ge=0, le=240, description="minutes: cap on the worst group's expected wait"
    )
    slotting_base_rate: float = Field(
        default=0.10, gt=0, lt=1, description="missed visits presumed of a place before it has history of its own"
    )
    slotting_reserve_per_day: int = Field(default=4, ge=0, le=40, description="places of an 8-hour day kept for urgent")
    slotting_release_hours: tuple[int, ...] = Field(
        default=(72, 24, 2), min_length=1, max_length=10, description="hours before a visit when parts of them open"
    )
    slotting_urgent_visit_types: frozenset[str] = Field(
        default=frozenset({"family-medicine-same-day", "pediatrics-sick-visit"}),
        description="visit types that may take reserved places, and whose bookings measure urgent demand",
    )
    slotting_demand_index: float | None = Field(
        default=None, ge=0, le=100, description="demand index told by people (flu watch), instead of the measured one"
    )

    def slotting_rules(self, model: NoShowModel) -> SlottingRules:
        """Return the rules of adaptive slotting with ``model``; raise Invalid for release hours that are none."""
        try:
            reserve = ReservePolicy(self.slotting_reserve_per_day, self.slotting_release_hours)
        except ValueError as fault:
            raise Invalid(f"CARESLOT_SLOTTING_RELEASE_HOURS: {fault}.") from None
        return SlottingRules(
            model=model,
            costs=Costs(self.slotting_cost_idle, self.slotting_cost_wait, self.slotting_cost_overtime),
            longest_wait=self.slotting_longest_wait,
            reserve=reserve,
            urgent_visit_types=self.slotting_urgent_visit_types,
            base_rate=self.slotting_base_rate,
            demand_index=self.slotting_demand_index,
        )

    def signing_key_pem(self) -> str:
        """Return the key's PEM text; raise Invalid saying what is expected."""
        if self.offer_signing_key.lstrip().startswith("-----BEGIN"):
            return self.offer_signing_key
        try:
            return Path(self.offer_signing_key).read_text("ascii")
        except (OSError, ValueError):
            raise Invalid(_HELP, errors=[FieldError("CARESLOT_OFFER_SIGNING_KEY", "not a readable PEM")]) from None
