"""Sending: once, whatever providers, crashes and outages do."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from services.contracts.events.base import Event
from services.kernel.clock import FixedClock
from services.notifications.domain.messages import Channel, Kind, State
from services.notifications.domain.people import Preferences
from services.notifications.ports import NotTaken, OutcomeUnknown, Refused
from services.notifications.usecases.delivery import LEASE, Delivery
from services.notifications.usecases.planning import Planning
from tests.services.notifications.examples import (
    APPOINTMENT,
    NOW,
    PATIENT,
    RECIPIENT,
    START,
    booked,
    cancelled,
    moved,
)
from tests.services.notifications.fakes import FakeComposer, FakeSender, FakeWork

DUE_7D = START - timedelta(days=7)


class Desk:
    """A patient with everything needed to be notified, and time that is set by hand."""

    def __init__(self, composer: FakeComposer | None = None) -> None:
        self.work = FakeWork()
        self.store = self.work.store
        self.clock = FixedClock(NOW)
        self.mail, self.text = FakeSender(), FakeSender()
        senders = {Channel.EMAIL: self.mail, Channel.SMS: self.text}
        self.delivery = Delivery(self.work, senders, composer or FakeComposer(), self.clock)
        self.store.recipients[PATIENT] = RECIPIENT

    async def hears(self, *events: Event) -> None:
        for event in events:
            async with self.work() as store:
                await Planning(store, self.clock).take(event)

    async def sends(self, at: datetime | None = None) -> list[str]:
        """Send what is due at ``at`` and return the kinds that went out by mail and text, in order."""
        self.clock.at = at or self.clock.at
        before = len(self.mail.sent), len(self.text.sent)
        await self.delivery.give_up_stuck()
        await self.delivery.deliver(self.clock.at)
        return [c.subject for _, c in (*self.mail.sent[before[0] :], *self.text.sent[before[1] :])]


@pytest.fixture
def desk() -> Desk:
    """Return a desk at NOW."""
    return Desk()


async def test_the_whole_story_of_an_appointment(desk: Desk) -> None:
    await desk.hears(booked())
    assert await desk.sends() == ["confirmation"]
    assert await desk.sends() == []
    for days, kind in ((7, "reminder-7d"), (3, "reminder-3d"), (1, "reminder-1d")):
        assert await desk.sends(START - timedelta(days=days, minutes=1)) == []
        assert await desk.sends(START - timedelta(days=days)) == [kind]
    assert await desk.sends(START + timedelta(days=1)) == []
    assert desk.store.told() == ["message-sent"] * 4
    assert {to for to, _ in desk.mail.sent} == {RECIPIENT.email}


async def test_an_outage_is_caught_up_with_once_and_with_one_reminder(desk: Desk) -> None:
    await desk.hears(booked())
    await desk.sends()
    assert await desk.sends(START - timedelta(days=2)) == ["reminder-3d"]
    assert desk.store.kinds(State.SUPPRESSED) == [Kind.REMINDER_7D]
    assert await desk.sends() == []
    assert "message-failed" not in desk.store.told(), "a reminder that a later one stands for is no failure"


async def test_what_became_wrong_is_never_sent(desk: Desk) -> None:
    await desk.hears(booked())
    await desk.sends()
    await desk.hears(cancelled(2))
    assert await desk.sends() == ["cancelled"]
    assert await desk.sends(START - timedelta(hours=1)) == []


async def test_a_late_run_sends_nothing_about_a_visit_that_began(desk: Desk) -> None:
    await desk.hears(booked())
    assert await desk.sends(START) == []
    assert set(desk.store.kinds(State.SUPPRESSED)) == {row.message.kind for row in desk.store.rows.values()}


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (Refused("provider:MessageRejected"), State.FAILED, "provider:MessageRejected"),
        (OutcomeUnknown("ReadTimeoutError"), State.UNKNOWN, "outcome-unknown"),
        (KeyError("a bug of ours"), State.UNKNOWN, "outcome-unknown"),
    ],
)
async def test_what_may_have_left_or_never_will_is_told_and_not_tried_again(
    desk: Desk, answer: Exception, state: State, reason: str
) -> None:
    desk.mail.answers = [answer]
    await desk.hears(booked())
    assert await desk.sends() == []
    assert await desk.sends(NOW + timedelta(hours=1)) == []
    assert desk.mail.tried == 1
    assert desk.store.kinds(state) == [Kind.CONFIRMATION]
    assert desk.store.told() == ["message-failed"]
    assert desk.store.events[0].payload()["reason"] == reason


async def test_what_surely_did_not_leave_is_tried_again_later(desk: Desk) -> None:
    desk.mail.answers = [NotTaken("Throttling"), NotTaken("Throttling")]
    await desk.hears(booked())
    assert await desk.sends() == []
    assert await desk.sends(NOW + timedelta(minutes=1)) == []
    assert await desk.sends(NOW + timedelta(minutes=2)) == []
    assert await desk.sends(NOW + timedelta(minutes=3)) == ["confirmation"]


async def test_a_change_while_the_provider_was_down_wins(desk: Desk) -> None:
    desk.mail.answers = [NotTaken("Throttling")]
    await desk.hears(booked())
    claimed = await _claim_first(desk)
    await desk.hears(moved(2, starts_at=START + timedelta(days=1)))
    desk.store.rows[claimed].state = State.PLANNED  # the provider's "not now" arrives after the move
    desk.mail.answers = []
    assert await desk.sends() == ["moved"]
    assert desk.store.rows[claimed].reason == "appointment-changed"


async def test_a_crash_between_claim_and_answer_is_shown_and_never_sent_again(desk: Desk) -> None:
    await desk.hears(booked())
    claimed = await _claim_first(desk)
    assert await desk.sends(NOW + LEASE) == []
    assert desk.store.rows[claimed].state is State.SENDING, "its sender may still be alive"
    assert await desk.sends(NOW + LEASE + timedelta(seconds=1)) == []
    assert desk.store.rows[claimed].state is State.UNKNOWN
    assert desk.store.told() == ["message-failed"]
    assert await desk.sends(NOW + timedelta(days=1)) == []
    assert desk.mail.tried == 0


async def _claim_first(desk: Desk) -> UUID:
    """Leave the first message as a sender that was killed leaves it, and return its id."""
    (message_id, row) = next(iter(desk.store.rows.items()))
    row.state, row.channel, row.claimed_at, row.attempted_at = State.SENDING, Channel.EMAIL, NOW, NOW
    return message_id


async def test_a_message_that_cannot_be_put_into_words_holds_up_no_other() -> None:
    desk = Desk(FakeComposer(broken={Kind.CONFIRMATION}))
    await desk.hears(booked())
    assert await desk.sends(DUE_7D) == ["reminder-7d"]
    assert desk.store.kinds(State.FAILED) == [Kind.CONFIRMATION]


async def test_texts_keep_to_their_limit_and_the_rest_goes_by_mail(desk: Desk) -> None:
    desk.store.wanted[PATIENT] = Preferences(PATIENT, 1, (Channel.SMS, Channel.EMAIL))
    await desk.hears(booked())
    await desk.sends()
    await desk.hears(moved(2, starts_at=START + timedelta(days=1)))
    await desk.sends()
    assert [c.subject for _, c in desk.text.sent] == ["confirmation"]
    assert [c.subject for _, c in desk.mail.sent] == ["moved"]
    assert {to for to, _ in desk.text.sent} == {RECIPIENT.phone}


async def test_a_text_that_is_due_at_night_waits_for_the_morning(desk: Desk) -> None:
    desk.store.wanted[PATIENT] = Preferences(PATIENT, 1, (Channel.SMS,))
    night = NOW + timedelta(hours=12)  # 22:00 in Boston
    desk.clock.at = night
    await desk.hears(booked())
    assert await desk.sends(night) == []
    assert await desk.sends(night + timedelta(hours=9, minutes=59)) == []
    assert await desk.sends(night + timedelta(hours=10)) == ["confirmation"]


async def test_a_recipient_who_is_told_of_later_still_gets_the_message(desk: Desk) -> None:
    recipient = desk.store.recipients.pop(PATIENT)
    await desk.hears(booked())
    assert await desk.sends() == []
    desk.store.recipients[PATIENT] = recipient
    assert await desk.sends(NOW + timedelta(minutes=1)) == ["confirmation"]


async def test_opting_out_takes_effect_on_what_is_planned(desk: Desk) -> None:
    await desk.hears(booked())
    await desk.sends()
    desk.store.wanted[PATIENT] = Preferences(PATIENT, 1, opted_out=True)
    assert await desk.sends(START - timedelta(days=1)) == []
    assert desk.store.events[-1].payload()["reason"] == "opted-out"


async def test_a_stated_instant_is_the_now_of_the_rules_and_a_late_one_is_not(desk: Desk) -> None:
    await desk.hears(booked())
    await desk.sends()
    assert (await desk.delivery.deliver(DUE_7D))[State.SENT] == 1
    desk.store.wanted[PATIENT] = Preferences(PATIENT, 1, (Channel.SMS,))
    desk.clock.at = START - timedelta(days=3) + timedelta(hours=10)  # past midnight in Boston
    late = await desk.delivery.deliver(START - timedelta(days=3))
    assert late["put-off"] + late[State.PLANNED] == 1, "quiet hours are those of the true time"
    assert not desk.text.sent


async def test_only_the_appointments_asked_for_and_only_until_enough(desk: Desk) -> None:
    await desk.hears(booked())
    assert not await desk.delivery.deliver(NOW, appointments=[])
    assert not await desk.delivery.deliver(NOW, enough=lambda: True)
    assert (await desk.delivery.deliver(NOW, appointments=[APPOINTMENT]))[State.SENT] == 1


async def test_a_zone_that_does_not_exist_fails_its_message_alone(desk: Desk) -> None:
    await desk.hears(booked())
    desk.store.recipients[PATIENT] = replace(RECIPIENT, timezone="Nowhere/Land")
    desk.store.wanted[PATIENT] = Preferences(PATIENT, 1, (Channel.SMS,))
    assert (await desk.delivery.deliver(NOW))[State.FAILED] == 1
