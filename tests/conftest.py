"""What every test may rely on: where shared data is, how tests spread over workers, where caches go."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

pytest_plugins = ["tests.fixtures.platform"]

ROOT = Path(__file__).resolve().parent.parent

set_hypothesis_home_dir(str(ROOT / ".cache" / "hypothesis"))
# A slow machine is not a fault of the code under test: no deadlines.
hypothesis.settings.register_profile("careslot", deadline=None, print_blob=True)
hypothesis.settings.load_profile("careslot")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a module's tests on one worker, so that its databases and servers start once.

    Modules that share something only one may have at a time (a running platform) say so with the same
    `pytest.mark.xdist_group("platform")` and meet on one worker.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Return a finder of shared data: `shared("data/hospitals-cms")`.

    It looks into the folder named by CARESLOT_SHARED, else `../shared` beside the repository. Without the
    data the test skips, unless CARESLOT_REQUIRE_SHARED=1 says that it must run.
    """

    def find(name: str) -> Path:
        base = Path(os.environ.get("CARESLOT_SHARED") or ROOT.parent / "shared")
        if (base / name).exists():
            return base / name
        told = f"needs ../shared/{name} beside the repository (or CARESLOT_SHARED=FOLDER that holds {name})"
        if os.environ.get("CARESLOT_REQUIRE_SHARED") == "1":
            pytest.fail(told, pytrace=False)
        pytest.skip(told)

    return find
