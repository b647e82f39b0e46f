"""A socket's name fits the kernel's limit, or the folder says so."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from services.local.child import CannotStart
from services.local.socket_folder import SOCKET_NAME, socket_folder


def test_a_short_folder_holds_its_own_socket() -> None:
    assert socket_folder(Path("/srv/data")) == Path("/srv/data")


def test_a_long_folder_gets_one_outside_that_really_binds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    outside = socket_folder(tmp_path / ("x" * 100))
    assert outside.parent == Path("/tmp")
    assert outside != socket_folder(tmp_path / ("y" * 100)), "two clones must not meet"
    outside.mkdir()
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(str(outside / SOCKET_NAME))
    finally:
        (outside / SOCKET_NAME).unlink()
        outside.rmdir()


@pytest.mark.parametrize("length", range(70, 100))
def test_what_is_said_to_fit_binds(short_folder: Path, length: int) -> None:
    folder = short_folder / ("d" * (length - len(str(short_folder)) - 1))
    if socket_folder(folder) != folder:
        return
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as probe:
        probe.bind(str(folder / SOCKET_NAME))


def test_a_comma_would_cut_the_path_in_two_for_libpq() -> None:
    assert socket_folder(Path("/srv/a,b")) != Path("/srv/a,b")


def test_no_room_anywhere_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/" + "t" * 100)
    with pytest.raises(CannotStart, match="set TMPDIR"):
        socket_folder(Path("/" + "x" * 100))
