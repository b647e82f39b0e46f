"""One platform for all journeys, started the way a person starts it; it is large enough and not larger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.scratch import scratch_folder
from tests.journeys.running import Running

SIZES = ("--facilities", "8", "--clinicians", "60", "--patients", "210")
LAST = ("test_conformance",)
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the journeys, which take minutes; what follows fills the other worker.

    Those that write at random come last. `test_up.py` comes later: two platforms that start at once on two cores
    only wait for each other.
    """
    items.sort(key=lambda item: item.path.parent == HERE and item.path.stem in LAST)
    items.sort(key=lambda item: item.path.parent != HERE or item.path.stem == "test_up")


@pytest.fixture(scope="session")
def platform() -> Iterator[Running]:
    """Run a platform until the last journey has ended."""
    with scratch_folder() as folder:
        running = Running(folder, "--port", "0", *SIZES)
        try:
            yield running.until_ready()
        finally:
            running.stop()
