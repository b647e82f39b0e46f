"""A mail that came back: its address is not used again, and its message goes another way or is told of as failed."""

from datetime import datetime
from uuid import UUID

from services.contracts.events.notifications import BOUNCED
from services.kernel.clock import Clock
from services.kernel.telemetry import logger
from services.notifications.domain.feedback import FINAL, Feedback, Outcome
from services.notifications.domain.messages import State
from services.notifications.ports import Step, Store
from services.notifications.usecases.delivery import finish

# A bounce may overtake the sender's own word that the mail was taken.
_LEFT = frozenset({State.SENT, State.SENDING, State.UNKNOWN})


class MailFeedback:
    """Takes feedback inside the transaction that remembers its event."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def take(self, feedback: Feedback) -> UUID | None:
        """Act on it; return what the message is about if it is to be sent another way now."""
        now = self._clock.now()
        if feedback.outcome in FINAL:
            for address in feedback.addresses:
                await self._store.give_up_address(address, feedback.outcome, now)
        message = await self._store.message(feedback.message_id) if feedback.message_id else None
        if message is None:
            # To the privacy officer, for instance: nothing of a patient's hangs on it.
            logger().warning("mail came back", outcome=feedback.outcome, planned=False)
            return None
        if feedback.outcome is Outcome.COMPLAINED:
            await self._store.step(message.message_id, _noted(now))
            return None
        if feedback.outcome is Outcome.DELAYED:
            await finish(self._store, message, None, Step(_LEFT, State.FAILED, now, BOUNCED))
            return None
        # Decided anew: by the next channel, or not at all, with the reason.
        again = Step(_LEFT, State.PLANNED, now, BOUNCED, send_after=now)
        return message.appointment_id if await self._store.step(message.message_id, again) else None


def _noted(now: datetime) -> Step:
    """A line in the ledger: the message did arrive."""
    return Step(frozenset({State.SENT}), State.SENT, now, Outcome.COMPLAINED)
