"""Keeps the cyclic garbage collector from walking what lives as long as the process.

A full collection stops everything while it looks at every object there is: a quarter of a second in a process with a
search index, ten times a minute under load, which was the slowest hundredth of all requests. What is frozen is freed
by its reference count as ever, but walked no more (Python library reference, ``gc.freeze``).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Objects made and not freed until the youngest are looked at, and how often before those of each elder generation are.
# Python's own (700, 10, 10) walks what caches hold every few seconds of a rush; garbage of requests dies young.
THRESHOLDS = (5_000, 20, 20)


def settle() -> None:
    """Collect once, then leave whatever lives now out of every later collection; for when a process has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Build something large inside that stays: nothing is collected meanwhile, and it is not walked afterwards."""
    were = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if were:
            gc.enable()
