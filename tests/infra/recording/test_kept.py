"""Kept recordings are read again, and made again as soon as anything they are made of is another."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

from infra.recording.kept import KEPT, kept, sources
from tests.fixtures.estate import recorded

pytestmark = pytest.mark.xdist_group("estate")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recorded("dev")
    shutil.copyfile(KEPT / "dev.pickle", tmp_path / "dev.pickle")
    return tmp_path


def test_what_is_kept_is_what_was_recorded(folder: Path) -> None:
    found = kept("dev", folder)
    assert found is not None
    assert found.keys() == recorded("dev").keys()
    assert found["dev-us-east-1"].as_dict() == recorded("dev")["dev-us-east-1"].as_dict()


def test_nothing_kept_of_other_files_half_written_or_never_made_is_read(folder: Path) -> None:
    whole = (folder / "dev.pickle").read_bytes()
    assert kept("staging", folder) is None
    (folder / "dev.pickle").write_bytes(whole[: len(whole) // 2])
    assert kept("dev", folder) is None
    (folder / "dev.pickle").write_bytes(pickle.dumps("made of something else") + whole)
    assert kept("dev", folder) is None
    (folder / "dev.pickle").write_bytes(whole)
    assert kept("dev", folder) is not None


@pytest.mark.parametrize("name", ["infra/stacks.py", "environments/dev.yaml", "services/contracts/catalogue/new.yaml"])
def test_a_changed_a_new_and_a_renamed_file_are_noticed(tmp_path: Path, name: str) -> None:
    before = sources(tmp_path)
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_text("a")
    new = sources(tmp_path)
    file.write_text("b")
    changed = sources(tmp_path)
    file.rename(file.with_stem("other"))
    assert len({before, new, changed, sources(tmp_path)}) == 4


def test_compiled_files_change_nothing(tmp_path: Path) -> None:
    before = sources(tmp_path)
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "stacks.cpython-311.pyc").write_bytes(b"compiled")
    assert sources(tmp_path) == before
