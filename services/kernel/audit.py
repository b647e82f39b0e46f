"""The record of one touch of protected data (45 CFR 164.312(b)): plain data that can travel and be hashed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One touch, allowed or refused; ``about`` is the person whose record it was, "" where there is none.

    ``facilities`` are those the resource belongs to, so that an auditor of one of them can be shown it.
    """

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
    facilities: tuple[str, ...] = ()

    def payload(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        # Spelt out: dataclasses.asdict copies deeply, which took a twentieth of a booking.
        return {
            "id": str(self.id), "at": self.at.isoformat(), "service": self.service, "action": self.action,
            "outcome": self.outcome, "subject": self.subject, "roles": list(self.roles), "person": self.person,
            "resource_type": self.resource_type, "resource_id": self.resource_id, "about": self.about,
            "reason": self.reason, "policies": list(self.policies), "correlation_id": self.correlation_id,
            "facilities": list(self.facilities),
        }  # fmt: skip

    @classmethod
    def from_payload(cls, data: Mapping[str, Any]) -> "AuditEntry":
        """Read what ``payload`` wrote, whatever a newer writer added; raise ValueError naming the field that is wrong.

        Entries written before a field existed are read with the field's default.
        """
        texts = {name: _text(data, name) for name in _TEXTS}
        at = datetime.fromisoformat(_text(data, "at"))
        if at.utcoffset() is None:
            raise ValueError("at: needs a time zone")
        return cls(
            id=UUID(_text(data, "id")),
            at=at,
            roles=_words(data, "roles"),
            policies=_words(data, "policies"),
            facilities=_words({"facilities": [], **data}, "facilities"),
            **texts,
        )


_TEXTS = (
    "service", "action", "outcome", "subject", "person", "resource_type", "resource_id", "about", "reason",
    "correlation_id",
)  # fmt: skip


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name}: must be text")
    return value


def _words(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = data.get(name)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError(f"{name}: must be a list of texts")
    return tuple(value)
