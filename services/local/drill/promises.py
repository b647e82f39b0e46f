"""The promise table of the design (architecture, section 4) as data: what each outage must leave whole.

What a service's absence means is said in its catalogue entry (``without``); here stands how each part of that sentence
is judged. Judging is a pure function of an outage: the same on a living platform as on a made-up one in a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.contracts.catalogue import catalogue
from services.local.bench.figures import percentile
from services.local.drill.observations import TURNED_AWAY, Measured, Outage

# Slower means: this many times the median of before, and beyond the service's own objective. Ratios of one run count;
# absolute times on a shared machine do not.
SLOWER = 3.0
LEAST_CALLS = 5
TOLD_WITHIN_MS = 2000.0
BACK_WITHIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether a promise was kept, and what was measured."""

    kept: bool
    measured: str


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence and how it is judged."""

    says: str
    judge: Callable[[Outage], Judged]


def _others_answer(outage: Outage) -> Judged:
    found = outage.others("during")
    failed = [c for c in outage.calls if c.failed and c.service != outage.service]
    worst = sorted({f"{c.kind} {c.status}" for c in failed if outage.timeline.phase(c.at) == "during"})
    told = f"{found.count} requests to the others, {found.failed} failed"
    return Judged(found.count >= LEAST_CALLS and not found.failed, f"{told} ({', '.join(worst)})" if worst else told)


def _others_as_quick(outage: Outage) -> Judged:
    slow: list[str] = []
    ratios: list[float] = []
    for service, objective in ((name, entry.slo.latency_ms) for name, entry in catalogue().items()):
        if service == outage.service:
            continue
        before, during = (outage.measured(p, lambda c, s=service: c.service == s) for p in ("before", "during"))  # type: ignore[misc]
        if before.p50_ms and during.p50_ms:
            ratios.append(during.p50_ms / before.p50_ms)
            if ratios[-1] > SLOWER and during.p50_ms > objective:
                slow.append(f"{service} {before.p50_ms:.0f} to {during.p50_ms:.0f} ms")
    if not ratios:
        return Judged(False, "nothing was measured")
    told = f"median during/before {min(ratios):.2f} to {max(ratios):.2f}, by service"
    return Judged(not slow, f"{told}; {', '.join(slow)}" if slow else told)


def _callers_told(outage: Outage) -> Judged:
    turned = outage.turned_away()
    statuses = sorted({call.status for call in turned})
    slowest = percentile([call.milliseconds for call in turned], 99)
    kept = len(turned) > 0 and statuses == [TURNED_AWAY] and slowest <= TOLD_WITHIN_MS
    return Judged(kept, f"{len(turned)} callers, answers {statuses}, p99 {slowest:.0f} ms")


def _back(outage: Outage) -> Judged:
    after = outage.measured("after", lambda call: call.service == outage.service)
    line = outage.timeline
    kept = line.recovery <= BACK_WITHIN_SECONDS and after.done > 0 and not after.failed
    told = f"answers after {line.recovery:.1f} s, caught up after {line.catching_up:.1f} s"
    return Judged(kept, f"{told}, then {after.count} requests, {after.failed} failed")


def _settled(outage: Outage) -> Judged:
    left, dead = outage.count("left waiting"), outage.count("new dead letters")
    return Judged(left == dead == 0, f"{left} left in outboxes and queues, {dead} new dead letters")


def _went_on(*kinds: str) -> Callable[[Outage], Judged]:
    """Return a judge: each of ``kinds`` was done during the outage, and none failed."""

    def judge(outage: Outage) -> Judged:
        found: Mapping[str, Measured] = {kind: outage.kind(kind, "during") for kind in kinds}
        kept = all(m.done > 0 and not m.failed for m in found.values())
        told = ", ".join(f"{kind} {m.done} done {m.failed} failed" for kind, m in found.items())
        return Judged(kept, told)

    return judge


def _none(kind: str) -> Callable[[Outage], Judged]:
    """Return a judge: nothing of ``kind`` was done while the service was surely down."""

    def judge(outage: Outage) -> Judged:
        turned = [call for call in outage.turned_away() if call.kind == kind]
        done = sum(call.done for call in turned)
        return Judged(len(turned) > 0 and done == 0, f"{len(turned)} tried, {done} done")

    return judge


def _all_of(part: str, whole: str) -> Callable[[Outage], Judged]:
    """Return a judge: there was something to count, and all of it was found."""

    def judge(outage: Outage) -> Judged:
        found, wanted = outage.count(part), outage.count(whole)
        return Judged(found == wanted > 0, f"{wanted} {whole}, {found} {part}")

    return judge


def _zero(*names: str) -> Callable[[Outage], Judged]:
    """Return a judge: each of these was counted, and is nought."""

    def judge(outage: Outage) -> Judged:
        found = {name: outage.count(name) for name in names}
        return Judged(not any(found.values()), ", ".join(f"{count} {name}" for name, count in found.items()))

    return judge


def _some(name: str) -> Callable[[Outage], Judged]:
    """Return a judge: at least one was counted."""
    return lambda outage: Judged(outage.count(name) > 0, f"{outage.count(name)} {name}")


EVERY_OUTAGE: tuple[Promise, ...] = (
    Promise("the others answer every request", _others_answer),
    Promise("the others are as quick as before", _others_as_quick),
    Promise("who asks it is told so at once", _callers_told),
    Promise("it comes back and catches up", _back),
    Promise("nothing is left behind", _settled),
)

OWN: Mapping[str, tuple[Promise, ...]] = {
    "directory": (
        Promise("others use their own projections", _went_on("search", "book", "cancel", "join", "read preferences")),
    ),
    "availability": (
        Promise("bookings with an offer in hand succeed", _went_on("book")),
        Promise("search learns what was booked meanwhile", _all_of("known to search", "booked meanwhile")),
    ),
    "booking": (
        Promise("nobody books", _none("book")),
        Promise("search goes on", _went_on("search")),
        Promise("reminders go on", _all_of("reminders sent meanwhile", "reminders due")),
        Promise("audit goes on", _some("entries chained meanwhile")),
        Promise("no two visits overlap", _zero("overlapping claims")),
    ),
    "waitlist": (
        Promise("freed slots go back to search", _all_of("found in search again", "slots freed meanwhile")),
        Promise("none is offered late, nobody loses their place", _zero("late offers", "requests lost")),
    ),
    "notifications": (
        Promise("bookings stand", _went_on("book", "cancel")),
        Promise("messages wait", _zero("messages made meanwhile")),
        Promise("confirmations catch up once", _all_of("confirmations sent once", "booked meanwhile")),
        Promise("reminders catch up once", _all_of("reminders sent once", "reminders due")),
        Promise("nothing is sent twice", _zero("sent twice", "mails beyond the ledger")),
    ),
    "audit": (
        Promise("entries wait", _some("entries waiting")),
        Promise("no entry is lost, none doubled", _all_of("entries chained", "entries written meanwhile")),
        Promise("the chain verifies", _zero("findings of verification")),
    ),
    "portal": (
        Promise(
            "everything else goes on; apps still book",
            _went_on("search", "book", "cancel", "join", "read preferences", "look up", "review"),
        ),
    ),
    "finder": (
        Promise(
            "signed-in channels go on",
            _went_on("search", "book", "cancel", "join", "read preferences", "look up", "review"),
        ),
    ),
}  # fmt: skip


def promises_of(service: str) -> Sequence[Promise]:
    """Return everything an outage of ``service`` must leave whole."""
    return (*OWN[service], *EVERY_OUTAGE)


def judge(outage: Outage) -> Sequence[tuple[Promise, Judged]]:
    """Judge every promise of an outage."""
    return [(promise, promise.judge(outage)) for promise in promises_of(outage.service)]
