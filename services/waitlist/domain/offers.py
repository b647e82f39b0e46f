"""An offer: a freed slot kept for one patient, for a while that depends on how far off the visit is."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from services.contracts.slot_offer import SlotOffer
from services.kernel.errors import Conflict

# Window scaled with lead time (evidence.md: users of Fast Pass want no offer within N hours of the visit, one live
# offer a slot, a window scaled with lead time). The lengths are our Default.
WINDOWS = ((timedelta(hours=24), timedelta(minutes=20)), (timedelta(hours=72), timedelta(hours=2)))
LONGEST_WINDOW = timedelta(hours=12)
# Nobody can be expected to answer by night: 47 CFR 64.1200(c)(1), 21 to 8 by the patient's clocks.
EVENING, MORNING = time(21), time(8)
LEAST_AWAKE = timedelta(minutes=20)
# Between an offer's end and the slot's: time to ask the next in line, and to book what was accepted at the last second.
MARGIN = timedelta(minutes=2)
LONGEST_KEPT = timedelta(hours=24) - timedelta(minutes=1)


class OfferState(StrEnum):
    """``securing``: booking has not confirmed yet that the slot is kept; nobody was told. ``void``: it was not."""

    SECURING = "securing"
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Offer:
    """``slot`` is kept for ``patient_id`` until ``expires_at``; ``accepted_by`` is the account that accepted."""

    id: UUID
    freed_id: UUID
    request_id: UUID
    patient_id: str
    slot: SlotOffer
    state: OfferState
    made_at: datetime
    expires_at: datetime
    accepted_by: str = ""
    appointment_id: str = ""


def window(now: datetime, starts_at: datetime, zone: ZoneInfo, notice: timedelta) -> datetime | None:
    """Return when an offer made ``now`` ends, None when there is no time left for one.

    At least LEAST_AWAKE of it lies outside the quiet hours of ``zone`` (the patient's), and it ends ``notice`` and
    MARGIN before the visit.
    """
    lead = starts_at - now
    length = next((window for bound, window in WINDOWS if lead < bound), LONGEST_WINDOW)
    limit = min(starts_at - notice, now + LONGEST_KEPT) - MARGIN
    ends = now + length
    if _awake(now, ends, zone) < LEAST_AWAKE:
        ends = _morning_after(now, zone) + LEAST_AWAKE
    ends = min(ends, limit)
    return ends if ends > now and _awake(now, ends, zone) >= LEAST_AWAKE else None


def kept_until(offer: Offer, notice: timedelta) -> datetime:
    """Return how long booking is asked to keep the slot for ``offer``."""
    return min(offer.expires_at + MARGIN, offer.slot.starts_at - notice)


def require_open(offer: Offer, now: datetime) -> None:
    """Raise Conflict, in words a patient can take, unless ``offer`` can still be answered."""
    if offer.state is OfferState.ACCEPTED:
        raise Conflict("This visit was already accepted with this offer.", slug="offer-accepted")
    if offer.state is OfferState.DECLINED:
        raise Conflict("This offer was declined. You are still on the list for the next one.", slug="offer-declined")
    if offer.state is not OfferState.OPEN or now >= offer.expires_at:
        raise Conflict(
            "This offer has ended. You are still on the list and will hear of the next one.", slug="offer-ended"
        )


def _awake(start: datetime, end: datetime, zone: ZoneInfo) -> timedelta:
    """Return how much of [start, end) lies between MORNING and EVENING by the clocks of ``zone``."""
    total = timedelta(0)
    day = start.astimezone(zone).date() - timedelta(days=1)
    while day <= end.astimezone(zone).date():
        opens = max(start, datetime.combine(day, MORNING, zone))
        closes = min(end, datetime.combine(day, EVENING, zone))
        total += max(closes.astimezone(start.tzinfo) - opens.astimezone(start.tzinfo), timedelta(0))
        day += timedelta(days=1)
    return total


def _morning_after(now: datetime, zone: ZoneInfo) -> datetime:
    local = now.astimezone(zone)
    today = datetime.combine(local.date(), MORNING, zone)
    morning = today if local < today else datetime.combine(local.date() + timedelta(days=1), MORNING, zone)
    return morning.astimezone(now.tzinfo)
