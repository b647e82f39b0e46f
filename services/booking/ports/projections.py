"""What booking keeps of its neighbours' events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.booking.ports.disruptions import Telling
from services.contracts.security_labels import SecurityLabel


class Projections(Protocol):
    """What booking remembers of its neighbours' events, bound to the transaction of the inbox row."""

    async def record_block(
        self, block_id: str, kind: str, subject_id: str, starts_at: datetime, ends_at: datetime, at: datetime
    ) -> None:
        """Remember a leave (``kind`` clinician) or closure (``kind`` facility), unless it was withdrawn before.

        In the same transaction it opens a disruption, with the visits it touches.
        """
        ...

    async def withdraw_block(self, block_id: str, kind: str, subject_id: str, at: datetime) -> None:
        """Remember that it is no more, for good, even when it was never recorded; its visits stand again."""
        ...

    async def record_patient(self, patient_id: str, version: int, facilities: Sequence[str], *, active: bool) -> None:
        """Remember a patient's facilities, unless a newer version is known."""
        ...

    async def record_proxy(
        self, proxy_id: str, version: int, patient_id: str, person: str, expires_at: datetime,
        confidential_until: datetime | None, *, active: bool,
    ) -> None:  # fmt: skip
        """Remember who may act for a patient, and until when also in confidence, unless a newer version is known."""
        ...

    async def record_visit_type(self, visit_type: str, version: int, label: SecurityLabel) -> None:
        """Remember a visit type's label, unless a newer version is known; its visits' labels become no milder."""
        ...

    async def record_ended_break_glass(self, grant_id: str, expires_at: datetime) -> None:
        """Remember until ``expires_at`` that an emergency access was ended before that."""
        ...

    async def record_merge(self, replaced_id: str, survivor_id: str, version: int) -> None:
        """Remember that one patient stands for another now, unless something newer is known."""
        ...

    async def record_demand(self, facility_id: str, specialty: str, version: int, *, waiting: bool) -> None:
        """Remember whether somebody waits there, unless a newer version is known."""
        ...

    async def note_delivery(self, about: str, telling: Telling) -> None:
        """Write down what became of a message about a disrupted visit or its appointment, if it is about one."""
        ...
