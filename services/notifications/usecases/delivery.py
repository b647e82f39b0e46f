"""Send what is due, each message at most once: decide and commit, call the provider, commit what it said.

Between the two commits a message is ``sending``. A crash there leaves it so, and after LEASE it is ``unknown``: see
domain.messages.State for why it is not sent again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.contracts.events.notifications import MessageFailed, MessageSent
from services.kernel.clock import Clock
from services.kernel.telemetry import correlated, logger
from services.notifications.domain.decision import PutOff, Send, Suppress, Withdraw, decide, wait
from services.notifications.domain.messages import REMINDERS, Channel, Composed, Message, State
from services.notifications.ports import Composer, NotTaken, Refused, Sender, Step, Store, UnitOfWork

# Longer than the longest timeout of a function that sends (topology: 50 s).
LEASE = timedelta(minutes=2)
LIMITS_LOOK_BACK = timedelta(days=9)
_PLANNED = frozenset({State.PLANNED})
# A sender that was slow, not dead, comes back after the sweep and knows better.
_IN_HAND = frozenset({State.SENDING, State.UNKNOWN})


@dataclass(frozen=True, slots=True)
class _Claimed:
    message: Message
    send: Send
    words: Composed


class Delivery:
    """Delivers from the planned messages, ``at_once`` of them; any number of deliveries may run beside each other."""

    def __init__(
        self,
        work: UnitOfWork,
        senders: Mapping[Channel, Sender],
        composer: Composer,
        clock: Clock,
        *,
        at_once: int = 4,
    ) -> None:
        self._work = work
        self._at_once = at_once
        self._senders = dict(senders)
        self._composer = composer
        self._clock = clock

    async def deliver(
        self,
        until: datetime,
        *,
        appointments: Collection[UUID] | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> Counter[str]:
        """Send everything due by ``until`` (only about ``appointments`` if given), or until ``enough()``.

        An ``until`` in the future is an operator's stated instant: the rules apply as of it. One in the past (a late
        invocation) only limits what is due; quiet hours are those of the true time. Returns how many messages ended
        in which state.
        """
        now = max(until, self._clock.now())
        tally: Counter[str] = Counter()

        async def work_off() -> None:
            while not enough() and await self._deliver_one(until, now, appointments, tally):
                pass

        # Each goes to its end even if another fails: cancelling one in the middle of a call would lose its answer.
        ends = await asyncio.gather(*(work_off() for _ in range(self._at_once)), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return tally

    async def give_up_stuck(self) -> int:
        """Make ``unknown`` what a crash left in ``sending``; return how many. They are told, never sent again."""
        now = self._clock.now()
        async with self._work() as store:
            stuck = await store.stuck(now - LEASE)
            for message in stuck:
                step = Step(frozenset({State.SENDING}), State.UNKNOWN, now, "outcome-unknown")
                with correlated(message.correlation_id):
                    await finish(store, message, None, step)
        if stuck:
            logger().warning("messages with unknown outcome", count=len(stuck))
        return len(stuck)

    async def _deliver_one(
        self, until: datetime, now: datetime, appointments: Collection[UUID] | None, tally: Counter[str]
    ) -> bool:
        async with self._work() as store:
            message = await store.next_due(until, appointments)
            if message is None:
                return False
            with correlated(message.correlation_id):
                taken = await self._decide(store, message, until, now)
                step = self._step(taken, now)
                await finish(store, message, taken.send if isinstance(taken, _Claimed) else None, step)
        if isinstance(taken, _Claimed):
            with correlated(message.correlation_id):
                step = await self._send(taken, now)
        tally[step.state] += 1
        return True

    async def _decide(
        self, store: Store, message: Message, until: datetime, now: datetime
    ) -> "_Claimed | PutOff | Suppress | Withdraw | Exception":
        # The lock makes the patient's texts one after another: two at once would each see the limit unused.
        recipient = await store.recipient(message.patient_id, lock=True)
        preferences = await store.preferences(message.patient_id)
        texts = await store.texts_since(message.patient_id, now - LIMITS_LOOK_BACK)
        superseded = message.kind in REMINDERS and await store.later_reminder_due(message, until)
        overtaken = await store.overtaken(message)
        try:
            decision = decide(
                message, recipient, preferences, texts, overtaken=overtaken, superseded=superseded, now=now
            )
            if isinstance(decision, Send):
                local = message.starts_at.astimezone(ZoneInfo(message.timezone))
                words = self._composer.compose(
                    message.wording, decision.channel, decision.language, local, message.appointment_id
                )
                return _Claimed(message, decision, words)
        except Exception as error:
            # One message that cannot be put into words must not keep all later ones waiting.
            logger().error("message failed", message_id=str(message.message_id), exc_info=error)
            return error
        return decision

    def _step(self, taken: "_Claimed | PutOff | Suppress | Withdraw | Exception", now: datetime) -> Step:
        match taken:
            case _Claimed():
                send = taken.send
                return Step(
                    _PLANNED, State.SENDING, now, channel=send.channel, language=send.language,
                    claimed_at=self._clock.now(),
                )  # fmt: skip
            case PutOff(until, reason):
                return Step(_PLANNED, State.PLANNED, now, reason, send_after=until)
            case Suppress(reason):
                return Step(_PLANNED, State.SUPPRESSED, now, reason)
            case Withdraw(reason):
                return Step(_PLANNED, State.WITHDRAWN, now, reason)
            case _:
                return Step(_PLANNED, State.FAILED, now, "not-composed")

    async def _send(self, claimed: _Claimed, now: datetime) -> Step:
        message, send = claimed.message, claimed.send
        try:
            provider_id = await self._senders[send.channel].send(send.to, claimed.words, message.message_id)
        except NotTaken:
            step = Step(_IN_HAND, State.PLANNED, now, "provider-unavailable", send_after=now + wait(message.tries))
        except Refused as refusal:
            step = Step(_IN_HAND, State.FAILED, now, refusal.reason)
        except Exception as error:
            logger().error("outcome unknown", message_id=str(message.message_id), exc_info=error)
            step = Step(_IN_HAND, State.UNKNOWN, now, "outcome-unknown")
        else:
            step = Step(_IN_HAND, State.SENT, now, provider_id=provider_id)
        async with self._work() as store:
            await finish(store, message, send, step)
        logger().info(
            "message handled", message_id=str(message.message_id), kind=message.kind, channel=send.channel,
            state=step.state, reason=step.reason,
        )  # fmt: skip
        return step


async def finish(store: Store, message: Message, send: Send | None, step: Step) -> None:
    """Take ``step`` and tell what others may want to know of it: what left, and what never will."""
    if not await store.step(message.message_id, step):
        return
    told = {
        "message_id": str(message.message_id),
        "appointment_id": str(message.appointment_id),
        "kind": message.kind.value,
        "channel": send.channel.value if send else "",
        "language": send.language.value if send else "",
    }
    if step.state is State.SENT:
        await store.publish([MessageSent(**told)], step.at)
    elif step.state in {State.FAILED, State.UNKNOWN, State.SUPPRESSED} and step.reason != "superseded":
        await store.publish([MessageFailed(**told, reason=step.reason)], step.at)
