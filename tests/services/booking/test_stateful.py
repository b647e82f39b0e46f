"""The register lives random lives beside its model; a short time here, a long one under `make conformance`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fixtures.platform import NewDatabase
from tests.services.booking.stateful import Register

# "thorough" lives the same lives each time, so that a red run is about a change; "random" looks for new ones.
MODE = os.environ.get("CARESLOT_CONFORMANCE", "")


def test_random_lives_keep_every_invariant(database: NewDatabase) -> None:
    class Machine(Register):
        databases = staticmethod(database)

    lives = settings(
        max_examples={"random": 200, "thorough": 40}.get(MODE, 12),
        stateful_step_count=60 if MODE else 30,
        derandomize=MODE != "random",
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(Machine, settings=lives)
    assert Machine.compared > lives.stateful_step_count, "the tables were compared with the model after each step"
