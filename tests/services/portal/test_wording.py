"""Every text exists in English and Spanish, with the same places for names; none is left over."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from services.portal.api import (
    desk_waitlist,
    disruptions,
    drawing,
    emergency,
    failures,
    finding,
    offers,
    preferences,
    reviews,
    schedules,
    visit_types,
    waiting,
    wishing,
)
from services.portal.api.wording import SIGNED, SPANISH, Wording

HERE = Path(drawing.__file__).resolve().parent
SAID_BY_DATA = {
    *drawing.REASONS.values(), *drawing.STATUSES.values(), *drawing.WAIVERS.values(), *failures.WITHOUT.values(),
    failures.BUSY,
    *preferences.CHANNELS.values(), *preferences.TOPICS.values(), *schedules.DAYS.values(),
    *(words for _, words in finding.LANGUAGES), *SIGNED.values(),
    *offers.GONE.values(), *emergency.REASONS.values(), *visit_types.LABELS.values(),
    *waiting.STANDINGS.values(), *(words for _, words in waiting.WRONG.values()),
    *wishing.WEEKDAYS.values(), *wishing.NOTICE.values(), *(part[0] for part in wishing.PARTS.values()),
    *desk_waitlist.PRIORITIES.values(), *reviews.OUTCOMES.values(), *visit_types.SHOWN.values(),
    *disruptions.STATES.values(), *disruptions.CAUSES.values(),
    *disruptions.UNREACHED.values(), disruptions.OTHERWISE, *disruptions.OUTCOMES.values(),
    *disruptions.KINDS.values(), *disruptions.CHANNELS.values(),
}  # fmt: skip
TELLING = {"_", "say", "wording"}
# Raised here, shown by the page of failures in the reader's language.
RAISED = {"Invalid", "NotFound", "Forbidden", "CareslotError"}


def in_templates() -> set[str]:
    return {
        text
        for file in drawing.FOLDER.glob("*.html")
        for text in re.findall(r'\b_\("((?:[^"\\]|\\.)*)"', file.read_text("utf-8"))
    }


def in_code() -> set[str]:
    found: set[str] = set()
    for file in [*HERE.glob("*.py"), HERE.parent / "domain" / "touched.py"]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name in TELLING | RAISED and isinstance(node.args[0].value, str):
                    found.add(node.args[0].value)
    return found


def test_every_text_is_there_in_spanish() -> None:
    missing = (in_templates() | in_code() | SAID_BY_DATA) - SPANISH.keys()
    assert not missing, f"without a Spanish text: {sorted(missing)}"


def test_no_translation_is_left_over() -> None:
    # Made of a number, so not found as one text.
    composed = {"Choose at most 31 days at once."}
    left = SPANISH.keys() - in_templates() - in_code() - SAID_BY_DATA - composed
    assert not left, f"nothing says: {sorted(left)}"


@pytest.mark.parametrize("text", sorted(SPANISH))
def test_both_languages_name_the_same_things(text: str) -> None:
    assert sorted(re.findall(r"{(\w+)}", SPANISH[text])) == sorted(re.findall(r"{(\w+)}", text))
    assert SPANISH[text].strip()


def test_days_and_times_are_said_in_the_language_and_zone() -> None:
    at = "2027-01-04T15:05:00Z"
    assert Wording("en").instant(at, "America/New_York") == "Monday, January 4, 2027, 10:05 AM EST"
    assert Wording("es").instant(at, "America/Denver").startswith("lunes, 4 de enero de 2027, 8:05")
    assert Wording("es").day("2027-01-04") == "lunes, 4 de enero de 2027"
    assert Wording("en").time(at, "America/Phoenix").endswith("MST")
    assert Wording("es")("For {name}", name="Ana") == "Para Ana"
