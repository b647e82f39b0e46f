"""The record of one touch of protected data (45 CFR 164.312(b)): plain data that can travel and be hashed."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One touch, allowed or refused; ``about`` is the person whose record it was, "" where there is none."""

    id: UUID
    at: datetime
    service: str
    action: str
    outcome: str
    subject: str
    roles: tuple[str, ...]
    person: str
    resource_type: str
    resource_id: str
    about: str
    reason: str
    policies: tuple[str, ...]
    correlation_id: str

    def payload(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            **asdict(self),
            "id": str(self.id),
            "at": self.at.isoformat(),
            "roles": list(self.roles),
            "policies": list(self.policies),
        }
