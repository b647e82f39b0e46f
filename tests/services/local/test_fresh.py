"""A platform of a drill's own says why it did not start, and leaves nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from services.local.child import CannotStart
from services.local.fresh import fresh_platform


def test_one_that_cannot_start_says_why_and_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(CannotStart, match="facilities"), fresh_platform(facilities=1):
        raise AssertionError("it should not have started")
    assert not list(tmp_path.iterdir())
