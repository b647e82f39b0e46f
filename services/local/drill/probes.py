"""What is done and counted beside the load during one service's outage, so that its own promises can be judged.

A probe works in three steps: ``before`` the outage, at its end (``meanwhile``, the service still down), and ``after``
everything has settled. Its counts go by the names that `promises` reads.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from services.audit.adapters.postgres_reader import begin_reading
from services.audit.adapters.s3 import S3AnchorStorage
from services.audit.settings import Settings as AuditSettings
from services.audit.usecases.verify import Verdict, VerifyTrail
from services.kernel.database import Database
from services.local.demo.client import Appointment, expected
from services.local.drill.ground import UNSENT_AUDIT, Ground
from services.local.drill.load import SPECIALTY

FEW = 3
FIRST_REMINDER_DAYS = 9
BACK_IN_SEARCH_SECONDS = 90.0
ON_THEIR_WAY_SECONDS = 15.0
AUDIT_QUEUE = "audit-entries"
OVERLAPPING = """
    SELECT count(*) FROM claim AS a JOIN claim AS b
        ON (a.kind, a.resource_id, a.lane) = (b.kind, b.resource_id, b.lane) AND a.ctid < b.ctid
    WHERE a.period && b.period
"""


class Probe:
    """Counts nothing of its own: the load alone tells. Others build on it."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.counts: Counter[str] = Counter()
        self.made: list[Appointment] = []
        # The last of the platform's patients, whom the load leaves alone.
        self.patients = ground.load.cast.own
        self.killed_at = self.started_at = datetime.now(UTC)

    def before(self) -> None:
        """Prepare, while everything is up."""

    def meanwhile(self) -> None:
        """Do and count, while the service is down."""

    def after(self) -> None:
        """Count, once everything has settled."""

    def tidy(self) -> None:
        """Give back what was booked."""
        self.ground.cancel(self.made)


class AvailabilityProbe(Probe):
    """What was booked without availability must be known to search afterwards."""

    def after(self) -> None:
        """Compare what booking holds of this outage with what availability took."""
        held = self.ground.rows(
            "booking",
            "SELECT id::text FROM appointment WHERE status = 'booked' AND created_at BETWEEN %s AND %s",
            self.killed_at, self.started_at,
        )  # fmt: skip
        ids = [row[0] for row in held]
        self.counts["booked meanwhile"] = len(ids)
        self.counts["known to search"] = self.ground.one(
            "availability", "SELECT count(*) FROM busy WHERE live AND appointment_id::text = ANY(%s)", ids
        )


class ReminderProbe(Probe):
    """Has visits whose first reminder comes due during the outage."""

    def before(self) -> None:
        """Book, and wait until the reminders are planned."""
        self.slots = self.ground.slots(2 * FEW, FIRST_REMINDER_DAYS)
        self.made = self.ground.book(self.slots, FEW, self.patients)
        reminders = self.ground.first_reminders(self.made)
        self.reminders = [message for message, _ in reminders]
        self.due = max(due for _, due in reminders)
        self.counts["reminders due"] = len(reminders)


class BookingProbe(ReminderProbe):
    """Without booking, reminders go out and accesses are chained."""

    def meanwhile(self) -> None:
        """Let the reminders come due; count what audit took of others."""
        self.ground.send_due(self.due)
        self.counts["reminders sent meanwhile"] = self.ground.sent_once(self.reminders)
        self.counts["entries chained meanwhile"] = self.ground.one(
            "audit", "SELECT count(*) FROM entries WHERE at >= %s AND service <> 'booking'", self.killed_at
        )

    def after(self) -> None:
        """Look for what must never be."""
        self.counts["overlapping claims"] = self.ground.one("booking", OVERLAPPING)


class WaitlistProbe(Probe):
    """Slots that others wait for are freed while waitlist is down."""

    def before(self) -> None:
        """Book visits, and have somebody wait for each."""
        slots = self.ground.slots(FEW, FIRST_REMINDER_DAYS)
        self.made = self.ground.book(slots, FEW, self.patients)
        self.slots = [self._slot_of(made, slots) for made in self.made]
        self.requests: list[str] = []
        for patient, slot in zip(self.patients[FEW:], self.slots, strict=False):
            body = {
                "patient_id": patient, "specialty": SPECIALTY, "visit_type": slot["visit_type"],
                "facilities": [slot["facility_id"]],
            }  # fmt: skip
            answer = self.ground.scheduler.command("/waitlist/requests", body)
            self.requests.append(expected(answer, 201).json()["id"])
        # Booking keeps a slot back only where it knows that somebody waits.
        time.sleep(2)

    def meanwhile(self) -> None:
        """Free the slots, and search until they are found."""
        self.ground.cancel(self.made)
        ids = [made.id for made in self.made]
        freed = self.ground.rows("booking", "SELECT id::text FROM freed_slot WHERE appointment_id = ANY(%s)", ids)
        self.freed = [row[0] for row in freed]
        self.made = []
        self.counts["slots freed meanwhile"] = len(self.freed)
        open_again: set[str] = set()
        deadline = time.monotonic() + BACK_IN_SEARCH_SECONDS
        while len(open_again) < len(self.slots) and time.monotonic() < deadline:
            open_again |= {slot["slot_id"] for slot in self.slots if self._found(slot)}
            time.sleep(1)
        self.counts["found in search again"] = len(open_again)

    def after(self) -> None:
        """Nothing may have been offered late; whoever waited still waits."""
        self.counts["late offers"] = self.ground.one(
            "waitlist", "SELECT count(*) FROM offer WHERE freed_id::text = ANY(%s)", self.freed
        )
        waiting = self.ground.one(
            "waitlist", "SELECT count(*) FROM request WHERE id::text = ANY(%s) AND status = 'waiting'", self.requests
        )
        self.counts["requests lost"] = len(self.requests) - waiting

    def tidy(self) -> None:
        """Take everybody off the list."""
        super().tidy()
        for request in self.requests:
            expected(self.ground.scheduler.command(f"/waitlist/requests/{request}/withdraw"), 200)

    def _slot_of(self, made: Appointment, slots: list[dict[str, Any]]) -> dict[str, Any]:
        return next(slot["slot"] for slot in slots if slot["slot"]["slot_id"] == made.body["slot_id"])

    def _found(self, slot: dict[str, Any]) -> bool:
        found = self.ground.scheduler.slots(
            clinician=slot["clinician_id"], visit_type=slot["visit_type"],
            **{"from": slot["starts_at"], "to": slot["ends_at"]},
        )  # fmt: skip
        return any(other["slot"]["slot_id"] == slot["slot_id"] for other in found)


class NotificationsProbe(ReminderProbe):
    """Visits booked meanwhile are confirmed once, reminders that came due meanwhile are sent once."""

    CONFIRMATIONS = (
        "SELECT message_id::text FROM messages WHERE kind = 'confirmation' AND appointment_id::text = ANY(%s)"
    )

    def meanwhile(self) -> None:
        """Book without it; nothing may be written to people yet."""
        fresh = self.ground.book(self.slots[FEW:], FEW, self.patients[FEW:])
        self.new = [made.id for made in fresh]
        self.made += fresh
        self.counts["booked meanwhile"] = len(self.new)
        self.counts["messages made meanwhile"] = len(self.ground.rows("notifications", self.CONFIRMATIONS, self.new))

    def after(self) -> None:
        """Let the sender catch up, twice at once; compare the ledger with the mailboxes."""
        self.ground.send_due(self.due, times=2)
        confirmations = [row[0] for row in self.ground.rows("notifications", self.CONFIRMATIONS, self.new)]
        self.counts["confirmations sent once"] = self.ground.sent_once(confirmations)
        self.counts["reminders sent once"] = self.ground.sent_once(self.reminders)
        self.counts["sent twice"] = self.ground.one(
            "notifications",
            "SELECT count(*) FROM (SELECT message_id FROM deliveries WHERE state = 'sent' "
            "GROUP BY 1 HAVING count(*) > 1) AS twice",
        )
        self.counts["mails beyond the ledger"] = self.ground.mails() - self.mails - self.ground.sent_mails()

    def before(self) -> None:
        """Remember how far mailboxes and ledger are apart: a restarted emulator has forgotten its mails."""
        super().before()
        self.mails = self.ground.mails() - self.ground.sent_mails()


class AuditProbe(Probe):
    """Entries wait, none is lost or doubled, and the chain verifies."""

    def meanwhile(self) -> None:
        """Count what waits, in outboxes and in audit's own queue."""
        in_outboxes = sum(count for (count,) in self.ground.everywhere(UNSENT_AUDIT))
        self.counts["entries waiting"] = in_outboxes + self.ground.depth(AUDIT_QUEUE)

    def after(self) -> None:
        """Every entry written since the kill is in the trail exactly once, and the trail verifies.

        Sweepers write at any time, and the last entries are on their way for a moment; a lost one never comes.
        """
        query = "SELECT event_id FROM outbox WHERE channel = 'audit' AND occurred_at >= %s"
        written = [row[0] for row in self.ground.everywhere(query, self.killed_at)]
        self.counts["entries written meanwhile"] = len(written)
        deadline = time.monotonic() + ON_THEIR_WAY_SECONDS
        while (chained := self._chained(written)) != len(written) and time.monotonic() < deadline:
            time.sleep(0.2)
        self.counts["entries chained"] = chained
        verdict = asyncio.run(self._verdict())
        self.counts["entries verified"] = verdict.entries
        self.counts["findings of verification"] = len(verdict.findings)

    def _chained(self, written: Sequence[object]) -> int:
        return self.ground.one("audit", "SELECT count(*) FROM entries WHERE entry_id = ANY(%s)", list(written))

    async def _verdict(self) -> Verdict:
        state = self.ground.state
        database = Database(state.databases["audit"], application="careslot drill", max_size=1, statement_seconds=300)
        storage = S3AnchorStorage(self.ground.aws.s3, str(AuditSettings.model_fields["anchor_bucket"].default))
        await database.open()
        try:
            return await VerifyTrail(begin_reading(database, AUDIT_QUEUE), storage).run()
        finally:
            await database.close()


PROBES: dict[str, type[Probe]] = {
    "directory": Probe,
    "availability": AvailabilityProbe,
    "booking": BookingProbe,
    "waitlist": WaitlistProbe,
    "notifications": NotificationsProbe,
    "audit": AuditProbe,
    "portal": Probe,
    "finder": Probe,
}
