"""What the audit trail is told by its environment."""

from pydantic import Field

from services.audit.usecases.anchor import FEWEST_YEARS
from services.kernel.runtime import ServiceSettings


class Settings(ServiceSettings):
    """The audit trail's own settings beside every service's."""

    anchor_bucket: str = Field(default="careslot-audit-anchors", description="bucket with Object Lock, for anchors")
    anchor_seconds: float = Field(default=300, ge=1, le=3600, description="seconds between two anchors")
    retention_years: int = Field(
        default=FEWEST_YEARS, ge=FEWEST_YEARS, le=100, description="years that anchors are kept (45 CFR 164.316)"
    )
