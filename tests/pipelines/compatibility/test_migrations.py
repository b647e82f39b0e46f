"""What a new migration may do beside released code, and what only one of its own, later."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.compatibility.migrations import contracts, judge
from pipelines.compatibility.released_code import texts

FIRST = "services/booking/migrations/booking-0001.appointments.sql"
NEXT = "services/booking/migrations/booking-0002.more.sql"
LATER = "services/booking/migrations/booking-0003.contract-more.sql"
BASE = {FIRST: "CREATE TABLE appointment (id uuid PRIMARY KEY);"}


def told(text: str, path: str = NEXT) -> list[str]:
    return [one.what for one in judge(BASE, {**BASE, path: text})]


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE room (id text PRIMARY KEY); ALTER TABLE room DROP COLUMN id; DROP TABLE room;",
        "ALTER TABLE appointment ADD COLUMN note text;",
        "ALTER TABLE appointment ADD COLUMN note text NOT NULL DEFAULT '';",
        "ALTER TABLE appointment ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY NOT NULL;",
        "ALTER TABLE appointment ALTER COLUMN note DROP NOT NULL;",
        "DROP INDEX appointment_starts; DROP TRIGGER t ON appointment;",
        "ALTER TYPE status ADD VALUE 'noshow';",
        "ALTER INDEX appointment_starts RENAME TO appointment_begins;",
    ],
)
def test_expanding_is_fine(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("DROP TABLE appointment;", "drops table appointment"),
        ("DROP VIEW IF EXISTS today;", "drops view today"),
        ("DROP FUNCTION tell(text);", "drops function tell"),
        ("DROP TYPE status;", "drops type status"),
        ("DROP SCHEMA old CASCADE;", "drops schema old"),
        ("ALTER TABLE appointment RENAME TO visit;", "renames table, type or constraint appointment to visit"),
        ("ALTER TABLE appointment RENAME COLUMN id TO key;", "renames column id to key"),
        ("ALTER TYPE status RENAME VALUE 'a' TO 'b';", "renames value a to b"),
        ("ALTER TABLE appointment DROP COLUMN note;", "drops column appointment.note"),
        ("ALTER TABLE appointment ALTER COLUMN id TYPE text;", "changes the type of appointment.id"),
        ("ALTER TABLE appointment ALTER COLUMN note SET NOT NULL;", "demands a value in appointment.note"),
        ("ALTER TABLE appointment ALTER COLUMN note DROP DEFAULT;", "drops the default of appointment.note"),
        ("ALTER TABLE appointment ADD COLUMN note text NOT NULL;", "adds appointment.note, which must have a value"),
        ("TRUNCATE appointment;", "empties a table"),
        ("ALTER TABEL appointment;", "PostgreSQL does not understand it"),
    ],
)
def test_taking_away_is_told(text: str, what: str) -> None:
    (found,) = told(text)
    assert what in found


def test_taking_away_has_a_file_and_a_release_of_its_own() -> None:
    assert contracts(LATER)
    assert not contracts(NEXT)
    gone = "ALTER TABLE appointment DROP COLUMN note;"
    assert told(gone, LATER) == []
    found = judge(BASE, {**BASE, NEXT: "ALTER TABLE appointment ADD COLUMN room text;", LATER: gone})
    assert [(one.path, one.what) for one in found] == [
        (LATER, "takes away in the same release in which booking-0002.more.sql adds")
    ]


def test_what_was_released_stays_as_it_is() -> None:
    assert [one.what for one in judge(BASE, {})] == ["was released and is gone"]
    assert [one.what for one in judge(BASE, {FIRST: "SELECT 1;"})] == ["was released and has changed"]


def test_the_place_is_told() -> None:
    (found,) = judge(BASE, {**BASE, NEXT: "-- depends: x\n\n-- why\nALTER TABLE appointment\n  DROP COLUMN note;\n"})
    assert (found.path, found.where) == (NEXT, "line 4")


def test_every_migration_of_ours_is_understood(root: Path) -> None:
    ours = texts(root)
    assert len(ours) > 20
    assert not [one for one in judge({}, ours) if "understand" in one.what]
