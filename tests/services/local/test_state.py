"""Other commands find a platform by its folder, and are told in words when there is none."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.kernel.errors import NotFound
from services.local.child import CannotStart
from services.local.holding import FolderLock
from services.local.state import (
    ChildState,
    DemoUser,
    Layout,
    NotRunning,
    PlatformState,
    running_platform,
    write_private,
    write_state,
)


def state(phase: str = "ready") -> PlatformState:
    return PlatformState(
        pid=1, phase=phase, started_at=datetime(2027, 1, 4, tzinfo=UTC), gateway="http://127.0.0.1:1",
        emulator="http://127.0.0.1:2", region="us-east-1", account="0" * 12, bus="careslot",
        users=(DemoUser(username="patient", password="s3cret", role="patient"),),
        children=(ChildState(name="booking", state="ready"),),
    )  # fmt: skip


def test_no_folder_and_no_platform_are_not_running(tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(NotRunning, match="careslot up"):
            running_platform(folder)


def test_what_a_killed_platform_left_does_not_count(tmp_path: Path) -> None:
    write_state(Layout(tmp_path), state())
    with pytest.raises(NotRunning):
        running_platform(tmp_path)


def test_a_running_platform_is_found_and_read(tmp_path: Path) -> None:
    with FolderLock(tmp_path):
        write_state(Layout(tmp_path), state())
        assert running_platform(tmp_path) == state()


@pytest.mark.parametrize("phase", ["starting", "seeding", "stopping"])
def test_a_platform_that_is_not_ready_says_so(tmp_path: Path, phase: str) -> None:
    with FolderLock(tmp_path):
        with pytest.raises(CannotStart, match="only starting"):
            running_platform(tmp_path, ready=False)
        write_state(Layout(tmp_path), state(phase))
        with pytest.raises(CannotStart, match=phase):
            running_platform(tmp_path)
        assert running_platform(tmp_path, ready=False).phase == phase


def test_unknown_users_and_services_are_named_with_those_known() -> None:
    with pytest.raises(NotFound, match="there are: patient"):
        state().user("nobody")
    with pytest.raises(NotFound, match="there are: booking"):
        state().child("nothing")


def test_private_files_are_for_their_owner_and_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "secret"
    write_private(file, "one")
    write_private(file, "two")
    assert file.read_text() == "two"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret"]


def test_passwords_do_not_show_when_a_user_is_printed() -> None:
    assert "s3cret" not in repr(state().users)
