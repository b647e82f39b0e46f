"""The transition table, state by action, against an expectation written out in full."""

from __future__ import annotations

import pytest

from services.booking.domain.lifecycle import CREATED_BY, TRANSITIONS, Action, Status, next_status
from services.booking.domain.reasons import CancelReason
from services.kernel.errors import Conflict

NO = ""
# One row a status, one column an action; "" means refused.
ACTIONS = (
    "hold", "book", "confirm", "release", "expire", "cancel", "move", "check-in", "complete", "no-show", "waive-late",
    "reassign",
)  # fmt: skip
EXPECTED = {
    "pending":    (NO, NO, "booked", "cancelled", "cancelled", NO, NO, NO, NO, NO, NO, NO),
    "booked":     (NO, NO, NO, NO, NO, "cancelled", "booked", "checked-in", NO, "noshow", NO, NO),
    "checked-in": (NO, NO, NO, NO, NO, "cancelled", NO, NO, "fulfilled", NO, NO, NO),
    "fulfilled":  (NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO),
    "cancelled":  (NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, "cancelled", NO),
    "noshow":     (NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO),
}  # fmt: skip


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("action", Action)
def test_every_status_meets_every_action(status: Status, action: Action) -> None:
    wanted = EXPECTED[status][ACTIONS.index(action)]
    if wanted:
        assert next_status(status, action) == wanted
    else:
        with pytest.raises(Conflict) as refusal:
            next_status(status, action)
        assert refusal.value.slug == "not-in-this-status"


def test_the_expectation_is_complete() -> None:
    assert set(EXPECTED) == set(Status)
    assert set(ACTIONS) == set(Action)
    assert len(TRANSITIONS) == sum(1 for row in EXPECTED.values() for cell in row if cell)


def test_statuses_are_fhir_codes() -> None:
    # http://hl7.org/fhir/R4/valueset-appointmentstatus.html
    fhir = {
        "proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error",
        "checked-in", "waitlist",
    }  # fmt: skip
    assert set(Status) <= fhir


def test_creation_and_reasons() -> None:
    assert dict(CREATED_BY) == {Action.HOLD: Status.PENDING, Action.BOOK: Status.BOOKED}
    assert all(reason.replace("-", "").isalpha() for reason in CancelReason)
