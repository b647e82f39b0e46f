"""Random lives of a register: every command in every order, by a clock that jumps, with sessions cut at any statement.

After each step the tables are compared with the model, row by row: visits, claims, freed slots, and how many history
rows, events, stored answers and audit entries there are. A client whose session was cut asks again with the same key.

Who wins a race differs from run to run. So that hypothesis can still repeat and shorten a life, what is drawn never
depends on it: a rule with nothing to do does nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import rule

from services.booking.adapters.merging import PostgresMerging
from services.booking.adapters.projections import PostgresProjections
from services.booking.adapters.upkeep import sweep
from services.booking.consumers import on_block, on_demand, on_directory
from services.contracts.slot_offer import ReservedOffer, SlotOffer
from services.kernel.inbox import take_once
from tests.services.booking.beside import Command, slug
from tests.services.booking.faulty import AFTER_COMMIT, BEFORE_COMMIT, Fault
from tests.services.booking.model import resources
from tests.services.booking.templates import CHANGES, SLOTS, Change, Templates, Wish, popular, slots
from tests.services.booking.world import waitlist_key

PATIENTS = ["pat-000001", "pat-000002", "pat-000003", "pat-000004"]
EVERYONE = [*PATIENTS, "pat-000005", "pat-000006", "pat-000007"]
patients = st.sampled_from(PATIENTS)
which = st.integers(0, 40)
# A move that opens a session takes its place there with its eleventh statement.
faults = st.sampled_from([None, None, None, None, *range(12), BEFORE_COMMIT, AFTER_COMMIT])


class Register(Templates):
    """Everything that can happen to it."""

    # ---- taking places -------------------------------------------------------------------------------------------

    @rule(wish=slots, patient=patients, hold=st.booleans(), fault=faults)
    def take(self, wish: SlotOffer | Wish, patient: str, hold: bool, fault: Fault | None) -> None:
        offered = self.wished(wish)
        body = {"offer": offered.token, "patient_id": patient}
        command = Command("/holds" if hold else "/appointments", body, key=str(uuid4()))
        expected = self.refusal(offered, patient)
        answer = self.send(command, 409 if expected else 201, expected, fault, self.model.opens(offered.slot))
        if not expected:
            self.took(answer, offered.slot)

    @rule(
        wish=popular, change=st.none() | CHANGES, number=st.integers(1, 4), first=which, hold=st.booleans(),
        fault=faults,
    )  # fmt: skip
    def fill(self, wish: Wish, change: Change | None, number: int, first: int, hold: bool, fault: Fault | None) -> None:
        """One after the other, perhaps just after a change: sessions fill up, and each refusal is known beforehand."""
        if change is not None:
            self.change_template(name=wish.clinician, change=change)
        for n in range(number):
            self.take(wish=wish, patient=EVERYONE[(first + n) % len(EVERYONE)], hold=hold, fault=fault)

    @rule(wish=slots, number=st.integers(2, 6), first=which, hold=st.booleans())
    def rush(self, wish: SlotOffer | Wish, number: int, first: int, hold: bool) -> None:
        """Many at once: as many win as there are lanes or places, and those who lose are told why."""
        path = "/holds" if hold else "/appointments"
        chosen = [EVERYONE[(first + n) % len(EVERYONE)] for n in range(number)]
        offered = self.wished(wish)
        commands = [
            Command(path, {"offer": offered.token, "patient_id": patient}, key=str(uuid4())) for patient in chosen
        ]

        async def everybody() -> list[httpx.Response]:
            return await asyncio.gather(*(self.post(command) for command in commands))

        answers = self.run(everybody())
        for command, answer in zip(commands, answers, strict=True):
            if answer.status_code == 201:
                assert self.refusal(offered, answer.json()["patient_id"]) == ""
                self.took(answer, offered.slot)
                self.answered.append((command, answer))
        for patient, answer in zip(chosen, answers, strict=True):
            if answer.status_code != 201:
                assert answer.status_code == 409, answer.text
                assert slug(answer) in self.refusals(offered, patient)

    @rule(wish=slots, patient=patients)
    def twice_at_once(self, wish: SlotOffer | Wish, patient: str) -> None:
        """One key, two requests at the same moment: one visit, one answer."""
        offered = self.wished(wish)
        body = {"offer": offered.token, "patient_id": patient}
        command = Command("/appointments", body, key=str(uuid4()))
        expected = self.refusal(offered, patient)

        async def both() -> list[httpx.Response]:
            return list(await asyncio.gather(self.post(command), self.post(command)))

        answers = self.run(both())
        if expected:
            assert {slug(answer) for answer in answers} == {expected}
            return
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        self.took(answers[0], offered.slot)
        self.model.audits += 1

    @rule(n=which, wish=slots, stale=st.sampled_from([0, 0, 0, 1]), fault=faults)
    def move(self, n: int, wish: SlotOffer | Wish, stale: int, fault: Fault | None) -> None:
        if not self.model.visits:
            return
        before = self.pick(n)
        offered = self.wished(wish)
        expected = "offer-expired" if offered.stale(self.model.now) else self.model.refusal_of_change("move", before)
        status = 409 if expected else 412 if stale else 0
        if not status:
            expected = self.refusal(offered, before.patient, own=before.id)
            status = 409 if expected else 200
        command = Command(
            f"/appointments/{before.id}/move", {"offer": offered.token}, before.version + stale, str(uuid4())
        )
        self.send(command, status, expected, fault, self.model.opens(offered.slot))
        if status == 200:
            self.model.open(offered.slot)
            marks, unit = self.marks(before.id), self.unit(before.id)
            visit = replace(before, slot=offered.slot, marks=marks, unit=unit, version=before.version + 1)
            self.model.take(visit)
            self.model.audits += 2
            self.gave_up(before, visit)

    @rule(n=which, patient=patients, fault=faults)
    def take_freed(self, n: int, patient: str, fault: Fault | None) -> None:
        if not self.model.freed:
            return
        freed = list(self.model.freed.values())[n % len(self.model.freed)]
        patient = self.model.patient(patient)
        gone = freed.state != "open" or freed.until <= self.model.now
        expected = "freed-slot-gone" if gone else self.model.refusal(freed.slot, patient, own=freed.id)
        reserved = ReservedOffer(freed_id=UUID(freed.id), patient_id=patient, offer=freed.slot)
        token = waitlist_key().reserve(reserved, self.model.now, self.model.now + timedelta(minutes=5))
        body = {"offer": token, "patient_id": patient, "freed_id": freed.id}
        answer = self.send(Command("/appointments", body, key=str(uuid4())), 409 if expected else 201, expected, fault)
        if not expected:
            self.model.close(freed.id, "taken")
            self.took(answer, freed.slot)
            assert resources(self.model.visits[answer.json()["id"]].marks) == freed.marks, "the lanes that were kept"

    # ---- changing what stands ------------------------------------------------------------------------------------

    @rule(
        n=which,
        action=st.sampled_from(
            ["confirm", "confirm", "release", "cancel", "cancel", "check-in", "complete", "no-show"]
        ),
        stale=st.sampled_from([0, 0, 0, 1]),
        fault=faults,
    )
    def change(self, n: int, action: str, stale: int, fault: Fault | None) -> None:
        if not self.model.visits:
            return
        before = self.pick(n)
        expected = self.model.refusal_of_change(action, before)
        status = 409 if expected else 412 if stale else 200
        body = {"reason": "pat"} if action == "cancel" else None
        command = Command(f"/appointments/{before.id}/{action}", body, before.version + stale, str(uuid4()))
        self.send(command, status, expected, fault)
        if status != 200:
            return
        after = {
            "confirm": ("booked", ""), "release": ("cancelled", "hold-released"), "cancel": ("cancelled", "pat"),
            "check-in": ("checked-in", ""), "complete": ("fulfilled", ""), "no-show": ("noshow", ""),
        }[action]  # fmt: skip
        self.model.change(before.id, status=after[0], reason=after[1], expires=None)
        if action == "cancel":
            self.gave_up(before)

    @rule(n=which)
    def repeat(self, n: int) -> None:
        """The same request again, however long after: the same answer, and nothing done."""
        if not self.answered:
            return
        command, answer = self.answered[n % len(self.answered)]
        again = self.run(self.post(command))
        assert (again.status_code, again.json(), again.headers["etag"]) == (
            answer.status_code, answer.json(), answer.headers["etag"],
        )  # fmt: skip
        self.model.audits += 1

    @rule(n=which)
    def reuse_key(self, n: int) -> None:
        """A key that meant something else: refused, whatever is asked for."""
        if not self.answered:
            return
        key = self.answered[n % len(self.answered)][0].key
        body = {"offer": self.world.token(SLOTS[0]), "patient_id": "pat-000099"}
        answer = self.run(self.post(Command("/appointments", body, key=key)))
        assert (answer.status_code, slug(answer)) == (422, "idempotency-key-reused")

    # ---- time, neighbours ----------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 29, 30, 299, 300, 600, 3600, 5 * 3600]))
    def wait(self, seconds: int) -> None:
        self.model.now += timedelta(seconds=seconds)
        self.world.clock.at = self.model.now

    @rule(fault=faults)
    def sweep(self, fault: Fault | None) -> None:
        self.despite(fault, lambda: sweep(self.world.register, self.world.clock))
        for holder in self.model.ran_out():
            self.model.end(holder)

    @rule(fault=faults)
    def run_out(self, fault: Fault | None) -> None:
        """Whoever holds something now forgets it."""
        self.wait(seconds=300)
        self.sweep(fault=fault)

    @rule(seed=st.integers(0, 1000))
    def availability_catches_up(self, seed: int) -> None:
        """However events arrive, availability then takes for taken what booking does, room and interpreter too."""
        self.run(self.catch_up(seed))

    @rule(waiting=st.booleans(), fault=faults)
    def demand(self, waiting: bool, fault: Fault | None) -> None:
        data = {"facility_id": "fac-0001", "specialty": "family-medicine", "waiting": waiting}
        self.tell("waitlist.demand-changed.v1", on_demand, fault, **data, version=len(self.told) + 1)
        self.model.waiting = waiting

    @rule(n=st.integers(0, 3), wish=slots, closure=st.booleans(), withdraw=st.booleans(), fault=faults)
    def block(self, n: int, wish: SlotOffer | Wish, closure: bool, withdraw: bool, fault: Fault | None) -> None:
        """Leave or a closure, or the end of one, which may be heard of first."""
        slot = self.wished(wish).slot
        id_, subject = f"block-{n}", slot.facility_id if closure else slot.clinician_id
        names = ("closure", "facility_id") if closure else ("leave", "clinician_id")
        if id_ in self.model.blocks and not withdraw:
            return
        data: dict[str, Any] = {f"{names[0]}_id": id_, names[1]: subject}
        if not withdraw:
            data |= {"starts_at": slot.starts_at, "ends_at": slot.starts_at + timedelta(minutes=15)}
        self.tell(f"availability.{names[0]}-{'withdrawn' if withdraw else 'recorded'}.v1", on_block, fault, **data)
        block = (subject, slot.starts_at, slot.starts_at + timedelta(minutes=15))
        self.model.blocks[id_] = None if withdraw else block

    @rule(n=which)
    def redeliver(self, n: int) -> None:
        if not self.told:
            return
        name, handler, envelope = self.told[n % len(self.told)]
        assert not self.run(take_once(self.database, name, envelope, handler, PostgresProjections))

    @rule(fault=faults)
    def merge(self, fault: Fault | None) -> None:
        """The fourth patient turns out to be the first one."""
        if self.model.merged:
            return
        old, new = PATIENTS[3], PATIENTS[0]
        self.tell("directory.patient-merged.v1", on_directory, fault, replaced_id=old, survivor_id=new, version=1)
        self.despite(fault, PostgresMerging(self.database, self.world.clock).sweep)
        self.run(self.aliases.refresh(self.database))
        self.model.merged[old] = new
        for visit in [one for one in self.model.visits.values() if one.patient == old]:
            self.model.change(visit.id, patient=new)
            if visit.status != "cancelled":
                marks = self.marks(visit.id)
                assert {mark[:2] for mark in marks - visit.marks} == {("patient", new)}
                self.model.visits[visit.id] = replace(self.model.visits[visit.id], marks=marks)

    @rule(n=which, minutes=st.sampled_from([1, 10, 120]), release=st.booleans(), fault=faults)
    def keep(self, n: int, minutes: int, release: bool, fault: Fault | None) -> None:
        """Waitlist has an offer out, or gives the slot back; both say what shall be so, and need no key."""
        if not self.model.freed:
            return
        freed = list(self.model.freed.values())[n % len(self.model.freed)]
        held = freed.state == "open" and freed.until > self.model.now
        until = min(self.model.now + timedelta(minutes=minutes), freed.slot.starts_at - timedelta(hours=2))
        if release:
            expected = 409 if freed.state == "taken" else 200
            self.release(freed, expected, fault)
            if freed.state == "open":
                self.model.close(freed.id, "released")
                self.model.audits += 1
        elif until > self.model.now:
            self.extend(freed, until, "" if held else "freed-slot-gone", fault)
            if held and until != freed.until:
                self.model.freed[freed.id] = replace(freed, until=until, version=freed.version + 1)
                self.model.audits += 1
