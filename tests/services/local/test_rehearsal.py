"""A rehearsal books what one clinician can see one after the other, and tells what it saw in numbers."""

from __future__ import annotations

from collections import Counter

import pytest
from typer.testing import CliRunner

from services.local.cli_rehearsals import verbs
from services.local.rehearsal import Account, apart


def slot(starts: str, ends: str) -> dict[str, dict[str, str]]:
    return {"slot": {"starts_at": f"2027-01-04T{starts}:00Z", "ends_at": f"2027-01-04T{ends}:00Z"}}


def test_slots_that_overlap_the_one_before_are_left_out() -> None:
    shown = [slot("09:00", "09:40"), slot("09:20", "10:00"), slot("09:40", "10:20"), slot("10:00", "10:40")]
    assert apart(shown) == [shown[0], shown[2]]


def test_the_account_is_json_ready() -> None:
    account = Account(2, 1, 1, Counter(told=1), Counter({"no-contact": 1}), {"everyone accounted for": 1.234})
    assert account.told() == {
        "visits": 2, "clinicians": 1, "disruptions": 1, "told": 1, "not_reached_by_reason": {"no-contact": 1},
        "seconds": {"everyone accounted for": 1.2},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["sick-day", "--visits", "0"], "visits"), (["closure", "--accepting", "-1"], "accepting"), (["rain"], "rain")],
)
def test_bad_usage_is_told(arguments: list[str], said: str) -> None:
    answer = CliRunner().invoke(verbs, arguments)
    assert (answer.exit_code, said in answer.output) == (2, True)
