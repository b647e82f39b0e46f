"""Which parts the bench has, in the order they run; each is a module with ``measure(run) -> list[Figure]``.

Parts with a database of their own come first: what a platform does beside them would be measured as well.
"""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import cast

from services.local.bench.figures import Figure
from services.local.bench.running import Run


class Part(StrEnum):
    """Names of the parts: ``a-b`` is the module ``a_b``."""

    SEARCH = "search"
    BOOKING = "booking"
    OUTBOX = "outbox"
    CONTENTION = "contention"
    OVER_HTTP = "over-http"
    WAITING_LIST = "waiting-list"
    OVERLOAD = "overload"
    RESTART = "restart"
    PEERS = "peers"


# Asked for by name only: they need what is not installed for anything else.
ASKED_FOR = frozenset({Part.PEERS})


def measure(part: Part, run: Run) -> list[Figure]:
    """Measure ``part``."""
    # Imported when it runs: each brings libraries of its own, and `--help` should not wait for them.
    module = import_module(f"services.local.bench.{part.replace('-', '_')}")
    return cast("list[Figure]", module.measure(run))
