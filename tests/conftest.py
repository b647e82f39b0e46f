"""What every test may rely on: where shared data is, how tests spread over workers, where caches go."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

pytest_plugins = ["tests.fixtures.platform"]

ROOT = Path(__file__).resolve().parent.parent
JOURNEYS = "tests/journeys/"
# These read the whole tree, which is read and parsed once a process.
REPOSITORY = "tests/repository/"

set_hypothesis_home_dir(str(ROOT / ".cache" / "hypothesis"))
# A slow machine is not a fault of the code under test: no deadlines.
hypothesis.settings.register_profile("careslot", deadline=None, print_blob=True)
hypothesis.settings.load_profile("careslot")


class ByModule(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Keeps a module's tests on one worker, so that its databases and servers start once; journeys all meet on one.

    xdist's own `loadgroup` groups by a suffix it writes into node ids, which pytest 9.2 no longer lets it do: tests
    were spread one by one (https://github.com/pytest-dev/pytest-xdist/issues/1386). `tests/journeys/test_up.py` starts
    platforms of its own and need not wait for the shared one.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        if module.startswith(JOURNEYS) and not module.endswith("test_up.py"):
            return JOURNEYS
        return REPOSITORY if module.startswith(REPOSITORY) else module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Spread modules over the workers in the order of collection: what takes longest comes first."""
    config.option.loadscopereorder = False
    return ByModule(config, log)


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
