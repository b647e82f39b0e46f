"""One platform for all journeys, started the way a person starts it; it is large enough and not larger."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.running import Running

SIZES = ("--facilities", "8", "--clinicians", "60", "--patients", "200")
LAST = ("test_conformance",)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep every journey on one worker, where the platform is, and those that write at random to the end."""
    for item in items:
        if "/journeys/" in item.nodeid or item.nodeid.startswith("journeys/"):
            item.add_marker(pytest.mark.xdist_group("platform"))
    items.sort(key=lambda item: any(name in item.nodeid for name in LAST))


@pytest.fixture(scope="session")
def platform() -> Iterator[Running]:
    """Run a platform until the last journey has ended."""
    folder = Path(tempfile.mkdtemp(prefix="cj-", dir="/tmp"))
    running = Running(folder, "--port", "0", *SIZES)
    try:
        yield running.until_ready()
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)
