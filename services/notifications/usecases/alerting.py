"""Tell the privacy officer of every emergency access as it is opened (45 CFR 164.308(a)(6)(ii), 164.312(a)(2)(ii)).

Not one of the patients' messages: no quiet hours, no consent, no limit. It is sent inside the transaction that
remembers the event; a crash in between sends it a second time, which is better than not at all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from services.contracts.events.base import Event
from services.contracts.events.directory import BreakGlassRecorded
from services.kernel.errors import Invalid
from services.notifications.domain.messages import Composed
from services.notifications.ports import Sender


@dataclass(frozen=True, slots=True)
class Alerting:
    """Sends to the privacy officer's address ``to``."""

    sender: Sender
    to: str
    words: Callable[[BreakGlassRecorded], Composed]

    async def take(self, event: Event, event_id: UUID) -> bool:
        """Tell of an access that was opened; return whether there was one to tell of. An end needs no alert."""
        if not isinstance(event, BreakGlassRecorded):
            raise Invalid(f"{event.type} is no emergency access.")
        if event.ended_at is not None:
            return False
        await self.sender.send(self.to, self.words(event), event_id)
        return True
