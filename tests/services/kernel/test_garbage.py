"""What a process keeps for good is walked once, and garbage made later is still found."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from services.kernel.garbage import settle, undisturbed


class Knot:
    """Something that only the collector can free, because it holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    gc.enable()


def test_what_lives_when_a_process_has_started_is_walked_no_more() -> None:
    kept = Knot()
    settle()
    assert gc.get_freeze_count() > 0
    assert not any(one is kept for one in gc.get_objects())


def test_garbage_made_later_is_still_collected() -> None:
    settle()
    gone = weakref.ref(Knot())
    gc.collect()
    assert gone() is None


def test_nothing_is_collected_while_something_large_is_built() -> None:
    with undisturbed():
        assert not gc.isenabled()
        kept = Knot()
    assert gc.isenabled()
    assert not any(one is kept for one in gc.get_objects())


def test_a_build_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(RuntimeError), undisturbed():
        raise RuntimeError
    assert gc.isenabled()


def test_who_switched_it_off_finds_it_off() -> None:
    gc.disable()
    with undisturbed():
        pass
    assert not gc.isenabled()
