"""The README's tables say what catalogue and topology say, and a document without a place for them is refused."""

from pathlib import Path

import pytest

from pipelines.docs import PARTS, README, rendered
from pipelines.main import main
from services.contracts.catalogue import load_catalogue
from services.contracts.events import EVENTS
from services.kernel.errors import Invalid

EMPTY = "\n".join(f"<!-- {name}: generated -->\nstale\n<!-- /{name} -->" for name in PARTS)


def run(*words: str) -> int:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def test_every_service_and_event_is_shown() -> None:
    text = rendered(EMPTY)
    assert "stale" not in text
    assert all(f"**{name}**" in text for name in load_catalogue())
    assert all(f"`{name}`" in text for name in EVENTS)


def test_rendering_again_changes_nothing() -> None:
    assert rendered(rendered(EMPTY)) == rendered(EMPTY)


def test_the_readme_is_fresh() -> None:
    assert rendered(README.read_text("utf-8")) == README.read_text("utf-8"), "run `careslot docs write`"


def test_a_stale_document_fails_and_writing_mends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "README.md"
    file.write_text("before\n" + EMPTY + "\nafter\n", "utf-8")
    assert run("docs", "check", "--file", str(file)) == 1
    assert "stale" in capsys.readouterr().err
    assert run("docs", "write", "--file", str(file)) == 0
    assert run("docs", "check", "--file", str(file)) == 0
    assert file.read_text("utf-8").startswith("before\n")


def test_a_document_without_places_says_which_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="services"):
        rendered("nothing here")
    assert run("docs", "check", "--file", str(tmp_path / "absent.md")) == 1
