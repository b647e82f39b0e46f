"""What availability offers booking's random lives: fixed slots, and those of templates that change beneath them.

Whoever searched before a change still has offers of the old template, each signed then and good for half an hour. Old
and new overlap oddly: 20 minutes beside 40, two lanes beside one, single slots beside a session with places, which may
even be the same slot by its id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from services.contracts.slot_offer import VALID_FOR, SlotOffer
from tests.services.booking.beside import BesideModel
from tests.services.booking.world import START, offer, signing_key

# Few resources and times that overlap in many ways: two clinicians who share a room and an interpreter, one of them
# with two lanes; times that touch, that overlap and that do not, some on another day.
SLOTS = [
    offer(START, clinician="cln-00001", room="room-a", depth=2),
    offer(START, clinician="cln-00001", room="room-a", depth=2, interpreter="int-00001"),
    offer(START, clinician="cln-00002", room="room-a", interpreter="int-00001"),
    offer(START + timedelta(minutes=10), minutes=40, clinician="cln-00001", room="room-b", depth=2),
    offer(START + timedelta(minutes=20), clinician="cln-00002", room="room-b", interpreter="int-00001"),
    offer(START + timedelta(minutes=20), clinician="cln-00001", room="room-a", depth=2),
    offer(START + timedelta(hours=3), clinician="cln-00001", depth=2, room_depth=1),
    offer(START + timedelta(hours=3, minutes=10), clinician="cln-00002", interpreter="int-00001"),
    offer(START + timedelta(days=1), clinician="cln-00002", interpreter="int-00001"),
    offer(START + timedelta(days=1, minutes=10), clinician="cln-00001", depth=2, interpreter="int-00001"),
]
# The hours that templates fill: the first among the slots above, the second free of them.
LENGTH = timedelta(minutes=120)
OPENINGS = (START, START + timedelta(days=1, hours=1))
CLINICIANS = ("cln-00001", "cln-00002")


@dataclass(frozen=True, slots=True)
class Template:
    """What a clinician works to: ``depth`` patients at once, or sessions for ``capacity`` patients each."""

    clinician: str
    room: str
    minutes: int = 20
    depth: int = 1
    capacity: int = 0
    interpreter: str = ""
    version: int = 1

    def offers(self) -> list[SlotOffer]:
        """Return everything it offers; the latest opening first, where nothing else is in the way."""
        return [
            offer(
                opening + timedelta(minutes=minute), minutes=self.minutes, clinician=self.clinician, room=self.room,
                depth=1 if self.capacity else self.depth, interpreter=self.interpreter, capacity=self.capacity,
                version=self.version,
            )
            for opening in reversed(OPENINGS)
            for minute in range(0, int(LENGTH.total_seconds() // 60), self.minutes)
        ]  # fmt: skip


Change = dict[str, Any]
# One thing at a time, so that old and new often mean the same slot: a session with other places or in another room.
CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.fixed_dictionaries({"capacity": st.sampled_from([2, 1, 3, 4, 5])}),
    st.fixed_dictionaries({"capacity": st.just(0), "depth": st.sampled_from([1, 2])}),
    st.fixed_dictionaries({"room": st.sampled_from(["room-a", "room-b", "room-c"])}),
    st.fixed_dictionaries({"minutes": st.sampled_from([60, 120, 20, 40])}),
    st.fixed_dictionaries({"interpreter": st.sampled_from(["", "int-00001"])}),
)


@dataclass(frozen=True, slots=True)
class Offered:
    """A slot as a client has it: signed at an instant."""

    slot: SlotOffer
    token: str
    at: datetime

    def stale(self, now: datetime) -> bool:
        """Tell whether it is too old to be taken."""
        return now >= self.at + VALID_FOR


@dataclass(frozen=True, slots=True)
class Wish:
    """The ``n``-th slot of a clinician's template, found just now or before a change."""

    clinician: str
    n: int
    old: bool


# The fixed slots stay on offer whatever the templates say, as from an availability that lags behind.
popular = st.builds(Wish, st.sampled_from(["cln-00001", *CLINICIANS]), st.integers(0, 1), st.just(False))
slots = st.one_of(
    st.sampled_from(SLOTS),
    st.builds(Wish, st.sampled_from(CLINICIANS), st.integers(0, 2), st.sampled_from([False, False, True])),
    st.builds(Wish, st.sampled_from(CLINICIANS), st.integers(0, 17), st.sampled_from([False, True])),
)


class Templates(BesideModel):
    """Templates as they are now, and the offers of those there were."""

    def __init__(self) -> None:
        super().__init__()
        # A session beside single slots, to begin with.
        first = (Template("cln-00001", "room-a", 60, capacity=2), Template("cln-00002", "room-b"))
        self.templates = {template.clinician: template for template in first}
        self.former: dict[str, list[Offered]] = {name: [] for name in CLINICIANS}

    @rule(name=st.sampled_from(CLINICIANS), change=CHANGES)
    def change_template(self, name: str, change: Change) -> None:
        """Other slots are offered from now on; who searched a moment ago still has the former ones."""
        before = self.templates[name]
        found = [self.sign(slot) for slot in before.offers()]
        self.former[name] = [*found, *self.former[name]][:36]
        self.templates[name] = replace(before, **change, version=before.version + 1)

    def sign(self, slot: SlotOffer) -> Offered:
        """Return the slot as availability offers it now."""
        return Offered(slot, signing_key().sign(slot, self.model.now), self.model.now)

    def wished(self, wish: SlotOffer | Wish) -> Offered:
        """Return the offer that is meant."""
        if isinstance(wish, SlotOffer):
            return self.sign(wish)
        former = self.former[wish.clinician]
        if wish.old and former:
            return former[wish.n % len(former)]
        offers = self.templates[wish.clinician].offers()
        return self.sign(offers[wish.n % len(offers)])

    def refusal(self, offered: Offered, patient: str, own: str = "") -> str:
        """Return why the offer cannot be taken, "" when it can."""
        if offered.stale(self.model.now):
            return "offer-expired"
        return self.model.refusal(offered.slot, self.model.patient(patient), own)

    def refusals(self, offered: Offered, patient: str) -> set[str]:
        """Return every reason why the offer cannot be taken: in a race, which is met first is chance."""
        if offered.stale(self.model.now):
            return {"offer-expired"}
        return set(self.model.refusals(offered.slot, self.model.patient(patient)))
