"""`careslot import facilities` as a person meets it: what it says, what it leaves behind, how it ends."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from pipelines.main import main
from services.directory.cli import DEFAULT_REJECTS
from tests.fixtures.platform import NewDatabase
from tests.services.directory.cms_files import HEADER, PLANTED, REASONS


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of the command ended and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def careslot(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("CARESLOT_DATABASE_URL", "CARESLOT_HOME", "CARESLOT_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*args: str | Path) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main([str(arg) for arg in args])
        printed = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A file with good and bad rows."""
    file = tmp_path / "planted.csv"
    file.write_text(PLANTED, "utf-8")
    return file


async def counts(dsn: str) -> tuple[int, int]:
    """Return how many facilities there are and how many events wait."""
    connection = await asyncpg.connect(dsn)
    try:
        facilities = await connection.fetchval("SELECT count(*) FROM facilities")
        return facilities, await connection.fetchval("SELECT count(*) FROM outbox WHERE channel = 'bus'")
    finally:
        await connection.close()


def test_good_rows_land_bad_ones_are_written_down_and_a_repeat_changes_nothing(
    careslot: Run, planted: Path, database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    dsn = database("directory")
    monkeypatch.setenv("CARESLOT_DATABASE_URL", dsn)
    first = careslot("import", "facilities", planted)
    assert first.code == 0
    assert "7 read, 3 added, 0 changed, 0 unchanged, 4 rejected" in first.out
    assert "2 provider ids got their lost zero back" in first.out
    assert "line 8: there is no ZIP code 99999" in first.out
    with DEFAULT_REJECTS.open(encoding="utf-8", newline="") as stream:
        written = list(csv.reader(stream))
    assert written[0][:3] == ["line", "reason", "Provider.ID"]
    assert {int(row[0]): row[1] for row in written[1:]} == REASONS
    assert written[2][11] == "X\nBOAZ, AL\n"
    second = careslot("import", "facilities", planted, "--json")
    outcome = json.loads(second.out)
    assert (outcome["added"], outcome["changed"], outcome["unchanged"], outcome["rejected"]) == (0, 0, 3, 4)
    assert outcome["rejects"] == str(DEFAULT_REJECTS)
    assert asyncio.run(counts(dsn)) == (3, 3)


def test_the_database_of_the_platform_here_is_found(
    careslot: Run, planted: Path, database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = f"# made by up\nOTHER='a b'\nCARESLOT_DATABASE_URL='{database('directory')}'\n"
    for home in (tmp_path / ".careslot", tmp_path / "elsewhere"):
        (home / "env").mkdir(parents=True)
        (home / "env" / "directory.env").write_text(variables, "utf-8")
    assert careslot("import", "facilities", planted, "--reject", "bad.csv").code == 0
    assert Path("bad.csv").exists()
    monkeypatch.setenv("CARESLOT_HOME", str(tmp_path / "elsewhere"))
    assert "3 unchanged" in careslot("import", "facilities", planted).out


def test_a_file_of_bad_rows_only_fails(
    careslot: Run, database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARESLOT_DATABASE_URL", database("directory"))
    (tmp_path / "bad.csv").write_text(f"{HEADER}nonsense\n", "utf-8")
    assert careslot("import", "facilities", "bad.csv").code == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "does not exist"), (b"", "is empty"), (b"PK\x00", "is binary"), (b"a,b\n1,2\n", "no column for"),
        ("Name\nMUÑOZ\n".encode("latin-1"), "not UTF-8"), (HEADER.encode(), "no rows"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_imported(careslot: Run, tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "file.csv").write_bytes(content)
    outcome = careslot("import", "facilities", "file.csv")
    assert outcome.code == 2
    assert told in " ".join(outcome.err.replace("│", " ").split())
    assert "Traceback" not in outcome.err
    assert not DEFAULT_REJECTS.exists()


def test_folders_and_overwriting_are_refused(careslot: Run, planted: Path, tmp_path: Path) -> None:
    assert careslot("import", "facilities", tmp_path).code == 2
    outcome = careslot("import", "facilities", planted, "--reject", planted)
    assert outcome.code == 2
    assert planted.read_text("utf-8") == PLANTED


def test_rejects_that_cannot_be_written_stop_it_before_anything_lands(
    careslot: Run, planted: Path, database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    dsn = database("directory")
    monkeypatch.setenv("CARESLOT_DATABASE_URL", dsn)
    outcome = careslot("import", "facilities", planted, "--reject", "missing/bad.csv")
    assert outcome.code == 1
    assert "missing/bad.csv" in outcome.err
    assert asyncio.run(counts(dsn)) == (0, 0)


@pytest.mark.parametrize("url", ["postgresql://u@127.0.0.1:1/nothing", "postgresql://u@/nothing?host=/nowhere", "x:y"])
def test_no_database_to_be_reached(careslot: Run, planted: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARESLOT_DATABASE_URL", url)
    outcome = careslot("import", "facilities", planted)
    assert outcome.code == 1
    assert "database" in outcome.err
    assert "unexpected" not in outcome.err


def test_no_platform_here(careslot: Run, planted: Path) -> None:
    outcome = careslot("import", "facilities", planted)
    assert outcome.code == 1
    assert "start the platform first" in outcome.err


def test_a_database_without_the_directory(
    careslot: Run, planted: Path, database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARESLOT_DATABASE_URL", database("kernel"))
    outcome = careslot("import", "facilities", planted)
    assert outcome.code == 1
    assert "no directory in it yet" in outcome.err


def test_help_says_what_it_takes(careslot: Run) -> None:
    outcome = careslot("import", "facilities", "--help")
    assert outcome.code == 0
    assert "CMS Hospital General Information" in outcome.out
