"""How much time is left: a caller's budget goes along with everything done for it, down to its statements.

Whoever asked has gone when it is over; what is done after that is done for nobody, and takes from those who still wait.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

DEADLINE_HEADER = "careslot-deadline-ms"
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Give everything inside at most ``seconds``, or less if an outer deadline ends sooner."""
    ends = time.monotonic() + seconds
    outer = _deadline.get()
    token = _deadline.set(ends if outer is None else min(ends, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining(default: float) -> float:
    """Return the seconds left of the current deadline, at most ``default``, never below zero."""
    ends = _deadline.get()
    return default if ends is None else max(0.0, min(default, ends - time.monotonic()))


def forget_deadline() -> None:
    """Go on without a deadline in this context: what follows is not for one caller alone."""
    _deadline.set(None)
