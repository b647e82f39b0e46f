"""Which rows of the claim table an appointment needs, and which lane it gets.

A claim is (resource, lane, period). Two live claims that overlap are what the database refuses; this module only
decides what to ask for, so that the asking rarely fails.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.booking.domain.appointment import SESSION, Occupied, Place
from services.contracts.slot_offer import OfferedResource, SlotOffer
from services.kernel.errors import Conflict
from services.kernel.ids import content_key

PATIENT = "patient"
INTERPRETER = "interpreter"
# A patient has one lane. A merge of two records may bring two visits to one time: the second takes a further lane,
# and whoever books for such a patient looks at all of them.
PATIENT_LANES = 8


class PlaceLost(Conflict):
    """The offered place cannot be had; another one may."""

    text = ""

    def __init__(self) -> None:
        super().__init__(self.text)


class SlotTaken(PlaceLost):
    """Every lane the offer allows is taken: the race was lost."""

    slug = "slot-taken"
    text = "The slot was taken in the meantime."


class SlotWithdrawn(PlaceLost):
    """The clinician is away or the facility closed at that time."""

    slug = "slot-withdrawn"
    text = "The slot was withdrawn in the meantime."


class PatientBusy(PlaceLost):
    """The patient is somewhere else at that time."""

    slug = "patient-busy"
    text = "The patient already has an appointment or a hold at that time."


@dataclass(frozen=True, slots=True)
class Claim:
    """One row: ``key`` stands for (kind, resource_id, lane) in the exclusion constraint."""

    kind: str
    resource_id: str
    lane: int
    key: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A claim someone holds on a key and period we asked about.

    ``holder`` is an appointment or a freed slot, None for a session with places. ``empty`` names a session in which
    nobody has a place.
    """

    key: int
    holder: UUID | None
    expires_at: datetime | None
    empty: str | None = None

    def expired(self, now: datetime) -> bool:
        """Whether it keeps nobody out: of a hold or a freed slot that has run out, or of an empty session."""
        return self.empty is not None or (self.expires_at is not None and self.expires_at <= now)


@dataclass(frozen=True, slots=True)
class Placement:
    """The place an offer becomes once lanes are chosen, and what must go first: what expired, and empty sessions."""

    place: Place
    expired: frozenset[UUID]
    emptied: frozenset[str] = frozenset()


def claim_key(kind: str, resource_id: str, lane: int) -> int:
    """Return the key that stands for one lane of one resource."""
    return content_key(kind, resource_id, str(lane))


def claims_of(patient_id: str, resources: Iterable[Occupied]) -> tuple[Claim, ...]:
    """Return the claims of an appointment, ordered by key: whoever takes several takes them in the same order."""
    return resource_claims([Occupied(PATIENT, patient_id, depth=1, lane=0), *resources])


def resource_claims(resources: Iterable[Occupied]) -> tuple[Claim, ...]:
    """Return the claims of resources alone, ordered by key: those of a place without a patient.

    A place in a session is none of them: the session itself holds the claims on its clinician and room.
    """
    claims = [
        Claim(item.kind, item.id, item.lane, claim_key(item.kind, item.id, item.lane))
        for item in resources
        if item.kind != SESSION
    ]
    return tuple(sorted(claims, key=lambda claim: claim.key))


def lane_keys(offer: SlotOffer) -> tuple[int, ...]:
    """Return the keys of every lane the offer might use."""
    return tuple(claim_key(item.kind, item.id, lane) for item in of_visit(offer) for lane in range(item.depth))


def of_visit(offer: SlotOffer) -> tuple[OfferedResource, ...]:
    """Return what the visit itself occupies: all of it, or of a session's place who interprets for this patient."""
    return tuple(item for item in offer.resources if not offer.capacity or item.kind == INTERPRETER)


def of_session(offer: SlotOffer) -> tuple[OfferedResource, ...]:
    """Return what a session occupies for all of its visits: its clinician and room."""
    return tuple(item for item in offer.resources if item.kind != INTERPRETER)


def room_of(offer: SlotOffer) -> str | None:
    """Return the room that is offered, None for a slot without one."""
    return next((item.id for item in offer.resources if item.kind == "room"), None)


def patient_keys(patient_id: str, lanes: int = PATIENT_LANES) -> tuple[int, ...]:
    """Return the keys of the patient's first ``lanes`` lanes."""
    return tuple(claim_key(PATIENT, patient_id, lane) for lane in range(lanes))


def keys_to_look_at(patient_id: str, offer: SlotOffer, patient_lanes: int = 1) -> tuple[int, ...]:
    """Return the keys of every lane the offer might use, and the patient's."""
    return (*patient_keys(patient_id, patient_lanes), *lane_keys(offer))


def place(
    offer: SlotOffer, patient_id: str, taken: Iterable[Taken], now: datetime, own: UUID | None = None
) -> Placement:
    """Return the place with the lowest free lanes; raise PatientBusy or SlotTaken.

    ``taken`` holds the claims found on the keys of ``keys_to_look_at`` over the offer's period. Those of ``own`` (the
    appointment being moved, or the freed slot being taken) are no hindrance, nor is what ran out; that is named for
    removal.
    """
    others = [claim for claim in taken if claim.holder is None or claim.holder != own]
    expired = frozenset(claim.holder for claim in others if claim.holder is not None and claim.expired(now))
    live = frozenset(claim.key for claim in others if not claim.expired(now))
    if not live.isdisjoint(patient_keys(patient_id)):
        raise PatientBusy
    resources = _resources(offer, live)
    return Placement(
        Place(
            offer.clinician_id, offer.facility_id, offer.specialty, offer.visit_type, offer.slot_id,
            offer.starts_at, offer.ends_at, offer.timezone, offer.schedule_version, resources,
        ),
        expired, frozenset(claim.empty for claim in others if claim.empty is not None),
    )  # fmt: skip


def _resources(offer: SlotOffer, live: frozenset[int]) -> tuple[Occupied, ...]:
    wanted = of_visit(offer)
    lanes = choose_lanes(wanted, live) if wanted else ()
    if lanes is None:
        raise SlotTaken
    place = (Occupied(SESSION, offer.slot_id, offer.capacity, 0),) if offer.capacity else ()
    return place + tuple(
        Occupied(item.kind, item.id, item.depth, lane, item.language) for item, lane in zip(wanted, lanes, strict=True)
    )


def has_free_lanes(resources: Sequence[OfferedResource], taken: Iterable[Taken], now: datetime) -> bool:
    """Tell whether every resource has a lane that nobody holds."""
    return choose_lanes(resources, frozenset(claim.key for claim in taken if not claim.expired(now))) is not None


def choose_lanes(resources: Sequence[OfferedResource], live: frozenset[int]) -> tuple[int, ...] | None:
    """Return a lane for each resource, or None when one has no free lane.

    Resources with several lanes share the lowest lane free in all of them, so that the second patient of a clinician
    meets the second place of the room; where no lane is free in all, each takes its own lowest.
    """
    free = [
        frozenset(lane for lane in range(item.depth) if claim_key(item.kind, item.id, lane) not in live)
        for item in resources
    ]
    if not all(free):
        return None
    shared = frozenset.intersection(*free)
    if not shared:
        deep = [lanes for lanes, item in zip(free, resources, strict=True) if item.depth > 1]
        shared = frozenset.intersection(*deep) if deep else frozenset()
    return tuple(min(lanes & shared or lanes) for lanes in free)
