"""In which order people are asked: clinical priority, waiting time, fit and fairness as days of waiting.

    standing = joined_at - PRIORITY_DAYS[priority] + min(lapses * LAPSE_DAYS, LONGEST_SETBACK)
    place    = standing - FIT_DAYS * fit            (the earlier, the sooner asked; ties by id)

Everything is measured in days, so time itself is the ageing: whoever waits a day longer moves up a day. All bonuses
and setbacks together are bounded, hence so is starvation: a request outranks every request that joined more than
STARVATION_BOUND later, whatever their priority and fit. Defaults, for clinical leads to set.
"""

from datetime import datetime, timedelta
from uuid import UUID

from services.contracts.slot_offer import SlotOffer
from services.waitlist.domain.requests import Priority, Request

PRIORITY: dict[Priority, timedelta] = {
    Priority.ROUTINE: timedelta(0),
    Priority.URGENT: timedelta(days=7),
    Priority.ASAP: timedelta(days=21),
}
MOST_FIT = timedelta(days=3)
LAPSE = timedelta(days=1)
LONGEST_SETBACK = timedelta(days=4)
STARVATION_BOUND = max(PRIORITY.values()) + MOST_FIT + LONGEST_SETBACK


def standing(priority: Priority, joined_at: datetime, lapses: int) -> datetime:
    """Return the part of the rank that does not depend on the slot: what lists are kept in order of."""
    return joined_at - PRIORITY[priority] + min(lapses * LAPSE, LONGEST_SETBACK)


def fit(request: Request, slot: SlotOffer) -> float:
    """Return how closely a slot that is allowed meets what was asked for, 0 to 1.

    Of four things one can ask for (this clinician, this facility alone, these days, these times) the share that was:
    who asked for exactly this can be served by little else. Who needs the interpreter who comes with it fits wholly.
    """
    wishes = request.wishes
    if wishes.interpreter:
        return 1.0
    asked = (
        slot.clinician_id in wishes.clinicians,
        len(wishes.facilities) == 1,
        bool(wishes.weekdays),
        bool(wishes.windows),
    )
    return sum(asked) / len(asked)


def place(request: Request, slot: SlotOffer) -> tuple[datetime, UUID]:
    """Return the request's place in the line for ``slot``; the smallest is asked first."""
    return standing(request.priority, request.joined_at, request.lapses) - MOST_FIT * fit(request, slot), request.id
