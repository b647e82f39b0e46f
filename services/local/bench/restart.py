"""A service dies under load: how long until it serves again, and what became of those who asked meanwhile?

Availability is killed (SIGKILL) while searches come at a steady rate, at its own address, so that nothing in between
hides what happens; the platform's supervisor starts it again, as the cluster would. Nobody may be served wrongly: what
was under way is lost and says so. Of several kills the median counts; the start of an interpreter is most of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from collections.abc import Sequence

from services.kernel.errors import Unavailable
from services.local.bench.figures import Figure, at_most
from services.local.bench.open_loop import Crowd, Kind, Sent, get
from services.local.bench.running import Run
from services.local.demo.client import signed_in

PART = "restart"
RATE = 20.0
BEFORE_SECONDS, LONGEST_SECONDS, SLICE_SECONDS = 2.0, 60.0, 1.0
IN_A_ROW = 10
# Kubernetes' own pace would be slower: a container's restart, then a readiness probe.
SERVES_AGAIN_SECONDS = 15.0


def measure(run: Run) -> list[Figure]:
    """Kill availability a few times; return how long it was away and what failed meanwhile."""
    state = run.platform()
    kinds = [Kind("desk", 1.0, [get("/slots?specialty=family-medicine&zip=02108", signed_in(state, "scheduler"))])]
    away: list[float] = []
    lost: list[float] = []
    wrong = 0
    with run.step("killing availability under load") as step:
        for number in range(run.size(3, 1)):
            step.at(f"kill {number + 1}")
            child = state.child("availability")
            assert child.port is not None
            sent, killed = asyncio.run(_killed(child.port, kinds))
            away.append(_back(sent, killed) - killed)
            lost.append(sum(not one.served for one in sent if one.due >= killed - 1))
            wrong += sum(one.status >= 400 for one in sent)
    return [
        at_most(PART, "from a kill until served again", statistics.median(away), "s", SERVES_AGAIN_SECONDS),
        Figure(PART, f"requests without an answer meanwhile, at {RATE:g} a second", statistics.median(lost), ""),
        Figure(PART, "answers that were errors", wrong, ""),
    ]


async def _killed(port: int, kinds: Sequence[Kind]) -> tuple[list[Sent], float]:
    """Send until it serves again; return what was sent, by one clock, and when the kill was."""
    crowd = Crowd(port, kinds)
    began = time.perf_counter()
    sent: list[Sent] = []
    ways: list[asyncio.Task[None]] = []

    async def go_on(seconds: float) -> None:
        offset = time.perf_counter() - began
        for one in await crowd.comes(RATE, seconds):
            one.due += offset
            sent.append(one)
        ways.extend(crowd.going_on)

    await go_on(BEFORE_SECONDS)
    await asyncio.gather(*ways)
    if not sent or not sent[-1].served:
        raise Unavailable("availability does not serve before the kill: is the platform well?")
    os.kill(_listener(port), signal.SIGKILL)
    killed = time.perf_counter() - began
    while time.perf_counter() - began - killed < LONGEST_SECONDS:
        await go_on(SLICE_SECONDS)
        await asyncio.gather(*ways)  # else the last was always still on its way, and it went on to the end
        if len(sent) > IN_A_ROW and all(one.served for one in sent[-IN_A_ROW:]):
            break
    await asyncio.gather(*ways)
    crowd.leave()
    return sent, killed


def _back(sent: Sequence[Sent], killed: float) -> float:
    """Return when the first request after the kill was due from which on all were served."""
    failed = [one.due for one in sent if one.due >= killed and not one.served]
    after = [one.due for one in sent if one.due > (failed[-1] if failed else killed)]
    return after[0] if after else killed + LONGEST_SECONDS


def _listener(port: int) -> int:
    """Return the process that listens at ``port`` on this machine."""
    import psutil  # type: ignore[import-untyped]

    for process in psutil.process_iter():
        try:
            if any(c.laddr.port == port and c.status == psutil.CONN_LISTEN for c in process.net_connections("tcp")):
                return int(process.pid)
        except psutil.Error:
            continue
    raise Unavailable(f"nothing listens at port {port}")
