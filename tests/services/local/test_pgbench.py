"""The scripts that are measured beside the service say what its own statements say, with nothing left to fill in."""

from __future__ import annotations

import re

import pytest

from services.local.bench import pgbench

SCRIPTS = {
    "bookings": pgbench.bookings(),
    "hot": pgbench.bookings(keep_hot=10),
    "counter": pgbench.bookings(counter="SELECT 1;\n"),
    "taken": pgbench.taken(10),
    "refusals": pgbench.refusals(10),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_parameter_of_a_statement_is_filled_in(name: str) -> None:
    """A parameter that a statement gained makes `_filled` raise; one that it lost stays behind here."""
    assert not re.findall(r"\$\d+(?![a-z$])", SCRIPTS[name])
