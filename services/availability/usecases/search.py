"""Open-slot search: from what a person asks for to signed offers, first available first.

Nothing here is about a patient: searches are counted, not audited.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from services.availability.domain.directory import Facility, VisitType
from services.availability.domain.places import Place, box_around, distance_km
from services.availability.domain.slots import OpenSlot, SlotQuery
from services.availability.domain.slotting.plan import SlottingRules
from services.availability.ports import InterpreterTimes, LookUp, Lookups, SlotSearch, ZipCentroids
from services.availability.usecases.interpreting import InterpretedSlots
from services.contracts.slot_offer import OfferedResource, SigningKey, SlotOffer
from services.kernel.access import Gate, Resource
from services.kernel.clock import Clock
from services.kernel.errors import FieldError, Invalid
from services.kernel.telemetry import OUTCOMES

DEFAULT_WINDOW = timedelta(days=14)
MAX_WINDOW = timedelta(days=92)
DEFAULT_RADIUS_KM = 50.0
# Enough to see what a change of length does; more would read the whole system's calendar to answer one click.
COUNTED = timedelta(days=7)
MOST_COUNTED = 2000
# A token is good for half an hour; popular slots are asked for many times a second.
SIGNED_FOR = timedelta(seconds=15)
MOST_SIGNED = 20_000
# Local days begin and end at most this far from the UTC day of the same date (zones lie between -12 and +14 hours).
WIDEST = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What a caller asks for; "" and () mean "not given".

    A ``date`` for ``since`` or ``until`` is a local day of each facility, ``until``'s day included; an instant is
    exact, ``until`` exclusive.
    """

    specialty: str = ""
    visit_type: str = ""
    zip_code: str = ""
    near_facility: str = ""
    within_km: float | None = None
    facility_ids: tuple[str, ...] = ()
    clinician_ids: tuple[str, ...] = ()
    language: str = ""
    interpreter: str = ""
    since: datetime | date | None = None
    until: datetime | date | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True, eq=False)
class OfferedSlot:
    """An open slot, the offer made of it and the offer's token; ``reserve`` is when a place kept for urgent visits
    opens to everyone (or did), None for an ordinary one.

    Each is one of a kind (it equals only itself): what is told of it can be kept by it at no cost.
    """

    slot: OpenSlot
    offer: SlotOffer
    token: str
    reserve: datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Instants [starts_at, ends_at), narrowed to local days where the caller named days."""

    starts_at: datetime
    ends_at: datetime
    first_day: date | None
    last_day: date | None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The offers and the window that was searched."""

    offers: Sequence[OfferedSlot]
    window: Window


class OfferPress:
    """Signs offers; the same slot asked for again within a moment is the same offer, which costs nothing."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._made: dict[OpenSlot, OfferedSlot] = {}
        self._since = datetime.fromtimestamp(0, UTC)

    def offer(self, slot: OpenSlot, now: datetime, reserve: datetime | None = None) -> OfferedSlot:
        """Return the offer of ``slot`` with its token, signed at most SIGNED_FOR ago."""
        if not self._since <= now < self._since + SIGNED_FOR or len(self._made) >= MOST_SIGNED:
            self._made, self._since = {}, now
        if (made := self._made.get(slot)) is None:
            offer = offer_of(slot)
            made = self._made[slot] = OfferedSlot(slot, offer, self._key.sign(offer, now))
        return made if reserve is None else replace(made, reserve=reserve)


class SearchSlots:
    """Finds open slots and signs an offer for each."""

    def __init__(
        self,
        look_up: LookUp,
        search: SlotSearch,
        interpreters: InterpreterTimes,
        zips: ZipCentroids,
        key: SigningKey,
        clock: Clock,
        rules: SlottingRules,
    ) -> None:
        self._rules = rules
        self._look_up = look_up
        self._search = search
        self._interpreted = InterpretedSlots(search, interpreters)
        self._zips = zips
        self._press = OfferPress(key)
        self._clock = clock

    async def run(self, request: SearchRequest, gate: Gate) -> SearchResult:
        """Return offers for the first open slots; raise Invalid for what cannot be searched for."""
        gate.require(Resource("Slots", "slots"))
        now = self._clock.now()
        window = window_of(request.since, request.until, now)
        async with self._look_up() as store:
            wanted = await self._visit_types(store, request)
            distances = await self._distances(store, request)
        found: list[OpenSlot] = []
        for visit_type in wanted if distances is None or distances else ():
            query = SlotQuery(
                specialty=visit_type.specialty, visit_type=visit_type.visit_type, minutes=visit_type.minutes,
                starts_at=window.starts_at, ends_at=window.ends_at, first_day=window.first_day,
                last_day=window.last_day, distances=distances, clinician_ids=request.clinician_ids,
                language=request.language, urgent=request.visit_type in self._rules.urgent_visit_types,
            )  # fmt: skip
            if request.interpreter:
                found += await self._interpreted.first(query, request.interpreter, request.limit, now)
            else:
                found += await self._search.first(query, request.limit, now)
        found.sort(key=lambda slot: slot.rank)
        OUTCOMES.labels("availability", "slots-found" if found else "no-slot-found").inc()
        first = found[: request.limit]
        kept = await self._reserve(first, now)
        return SearchResult(
            [self._press.offer(slot, now, kept.get((slot.clinician_id, slot.starts_at))) for slot in first], window
        )

    async def openings(self, visit_type: str, minutes: int, gate: Gate) -> tuple[int, int, Window]:
        """Return how many starts are open in the coming days as the kind of visit is, and were it ``minutes`` long.

        Counted up to ``MOST_COUNTED``; starts may overlap each other. Raise Invalid for a kind that is not known.
        """
        gate.require(Resource("Catalogue", "openings"))
        now = self._clock.now()
        window = window_of(now, now + COUNTED, now)
        async with self._look_up() as store:
            kind = await store.visit_type(visit_type)
        if kind is None:
            raise _unknown("visit_type", "There is no such visit type.")

        async def count(length: int) -> int:
            query = SlotQuery(kind.specialty, kind.visit_type, length, window.starts_at, window.ends_at)
            return len(await self._search.first(query, MOST_COUNTED, now))

        before = await count(kind.minutes) if kind.active else 0
        return before, await count(minutes), window

    async def _reserve(self, slots: Sequence[OpenSlot], now: datetime) -> Mapping[tuple[str, datetime], datetime]:
        """Return when places kept for urgent visits open; nobody sees one before the first step, unless urgent."""
        first_step = now + timedelta(hours=self._rules.reserve.hours[0])
        urgent = self._rules.urgent_visit_types
        near = [(one.clinician_id, one.starts_at) for one in slots
                if one.starts_at <= first_step or one.visit_type in urgent]  # fmt: skip
        if not near:
            return {}
        async with self._look_up() as store:
            return await store.reserve_of(near)

    async def _visit_types(self, store: Lookups, request: SearchRequest) -> Sequence[VisitType]:
        """Return the visit type to look for, one for each specialty of the clinicians when only they are given."""
        if request.visit_type:
            found = await store.visit_type(request.visit_type)
            if found is None or not found.active:
                raise _unknown("visit_type", "There is no such visit type.")
            if request.specialty not in {"", found.specialty}:
                raise _unknown("visit_type", f"This visit type belongs to {found.specialty}.")
            return [found]
        specialties = {request.specialty} if request.specialty else set()
        if not specialties:
            known = await store.clinicians(request.clinician_ids)
            specialties = {clinician.specialty for clinician in known.values()}
            if not request.clinician_ids:
                raise _unknown("specialty", "Give a specialty, a visit type or a clinician.")
            if missing := set(request.clinician_ids) - set(known):
                raise _unknown("clinician", f"{len(missing)} of the clinicians are not known.")
        usual = [default_of(await store.visit_types_of(specialty)) for specialty in sorted(specialties)]
        if None in usual:
            raise _unknown("specialty", "No visit type of this specialty is known.")
        return [visit_type for visit_type in usual if visit_type is not None]

    async def _distances(self, store: Lookups, request: SearchRequest) -> dict[str, float | None] | None:
        """Return the facilities to look at with their distance in km, None for all of them."""
        center = await self._center(store, request)
        if center is None:
            if request.within_km is not None:
                raise _unknown("within_km", "A distance needs a ZIP code or a facility to start from.")
            return dict.fromkeys(request.facility_ids) if request.facility_ids else None
        radius = request.within_km or DEFAULT_RADIUS_KM
        near = _within(center, radius, await store.facilities_in(box_around(center, radius)))
        return {name: km for name, km in near.items() if not request.facility_ids or name in request.facility_ids}

    async def _center(self, store: Lookups, request: SearchRequest) -> Place | None:
        """Return where distance is measured from, None when nobody asks for distance."""
        if request.zip_code:
            center = self._zips.find(request.zip_code[:5])
            if center is None:
                raise _unknown("zip", "This ZIP code is not known; try a neighbouring one.")
            return center
        if not request.near_facility:
            return None
        facility = (await store.facilities([request.near_facility])).get(request.near_facility)
        if facility is None:
            raise _unknown("near", "No such facility is known here.")
        return facility.place


def window_of(since: datetime | date | None, until: datetime | date | None, now: datetime) -> Window:
    """Return the window of starts, never before ``now``; raise Invalid when it is empty or longer than MAX_WINDOW."""
    first_day = None if isinstance(since, datetime) or since is None else since
    last_day = None if isinstance(until, datetime) or until is None else until
    starts_at = since if isinstance(since, datetime) else now
    if first_day is not None:
        starts_at = datetime.combine(first_day, time(0), UTC) - WIDEST
    starts_at = max(starts_at, now)
    ends_at = until if isinstance(until, datetime) else starts_at + DEFAULT_WINDOW
    if last_day is not None:
        ends_at = datetime.combine(last_day + timedelta(days=1), time(0), UTC) + WIDEST
    if ends_at <= starts_at:
        raise _unknown("to", "The window must end after it begins, and not in the past.")
    if ends_at - starts_at > MAX_WINDOW + 2 * WIDEST:
        raise _unknown("to", f"The window may be {MAX_WINDOW.days} days long at most.")
    return Window(starts_at, ends_at, first_day, last_day)


def default_of(visit_types: Sequence[VisitType]) -> VisitType | None:
    """Return the specialty's usual visit: the shortest active type, the first by code among equals."""
    active = [visit_type for visit_type in visit_types if visit_type.active]
    return min(active, key=lambda one: (one.minutes, one.visit_type), default=None)


def offer_of(slot: OpenSlot) -> SlotOffer:
    """Return the offer of ``slot``: the clinician's lanes, the room's where the session has one, the interpreter."""
    resources = [OfferedResource(kind="clinician", id=slot.clinician_id, depth=slot.depth)]
    if slot.room_id:
        resources.append(OfferedResource(kind="room", id=slot.room_id, depth=slot.depth))
    if slot.interpreter_id:
        resources.append(OfferedResource(kind="interpreter", id=slot.interpreter_id, language=slot.interpreted))
    return SlotOffer(
        slot_id=slot.slot_id, clinician_id=slot.clinician_id, facility_id=slot.facility_id, specialty=slot.specialty,
        visit_type=slot.visit_type, starts_at=slot.starts_at, ends_at=slot.ends_at, timezone=slot.timezone,
        resources=tuple(resources), schedule_version=slot.schedule_version, capacity=slot.capacity,
    )  # fmt: skip


def _within(center: Place, radius_km: float, facilities: Sequence[Facility]) -> dict[str, float | None]:
    distances = ((facility.facility_id, distance_km(center, facility.place)) for facility in facilities)
    return {facility_id: round(km, 1) for facility_id, km in distances if km <= radius_km}


def _unknown(where: str, what: str) -> Invalid:
    return Invalid(what, errors=[FieldError(f"query/{where}", what)])
