"""What an appointment may go through: one table, so that a rule is looked up and never inferred from scattered code.

Statuses are FHIR R4 Appointment.status codes (http://hl7.org/fhir/R4/valueset-appointmentstatus.html). The final ones
have no way out: a mistake is answered by a new appointment, because the history must show what was said when. Waiving
a late cancellation changes how it is judged, not that it is cancelled.
"""

from collections.abc import Mapping
from enum import StrEnum

from services.kernel.errors import Conflict


class Status(StrEnum):
    """FHIR R4 Appointment.status; ``pending`` is a hold."""

    PENDING = "pending"
    BOOKED = "booked"
    CHECKED_IN = "checked-in"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"


class Action(StrEnum):
    """What is done to an appointment; ``hold`` and ``book`` create one."""

    HOLD = "hold"
    BOOK = "book"
    CONFIRM = "confirm"
    RELEASE = "release"
    EXPIRE = "expire"
    CANCEL = "cancel"
    MOVE = "move"
    CHECK_IN = "check-in"
    COMPLETE = "complete"
    NO_SHOW = "no-show"
    WAIVE_LATE = "waive-late"
    REASSIGN = "reassign"


HOLD_RELEASED = "hold-released"
HOLD_EXPIRED = "hold-expired"

CREATED_BY: Mapping[Action, Status] = {Action.HOLD: Status.PENDING, Action.BOOK: Status.BOOKED}

TRANSITIONS: Mapping[tuple[Status, Action], Status] = {
    (Status.PENDING, Action.CONFIRM): Status.BOOKED,
    (Status.PENDING, Action.RELEASE): Status.CANCELLED,
    (Status.PENDING, Action.EXPIRE): Status.CANCELLED,
    (Status.BOOKED, Action.CANCEL): Status.CANCELLED,
    (Status.BOOKED, Action.MOVE): Status.BOOKED,
    (Status.BOOKED, Action.CHECK_IN): Status.CHECKED_IN,
    (Status.BOOKED, Action.NO_SHOW): Status.NOSHOW,
    (Status.CHECKED_IN, Action.CANCEL): Status.CANCELLED,
    (Status.CHECKED_IN, Action.COMPLETE): Status.FULFILLED,
    (Status.CANCELLED, Action.WAIVE_LATE): Status.CANCELLED,
}


def next_status(status: Status, action: Action) -> Status:
    """Return the status ``action`` leads to; raise Conflict (``not-in-this-status``) where the table has no entry."""
    try:
        return TRANSITIONS[status, action]
    except KeyError:
        raise Conflict(
            f"An appointment that is {status} cannot take the action {action}.",
            slug="not-in-this-status",
            extra={"appointment_status": str(status), "action": str(action)},
        ) from None
