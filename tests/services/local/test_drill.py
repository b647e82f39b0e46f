"""The drill's judgement over made-up outages: what is whole is kept, each thing broken is told; and its load."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from aiohttp import web
from rich.console import Console

from services.contracts.catalogue import load_catalogue
from services.local.drill import report
from services.local.drill.load import Cast, Load
from services.local.drill.observations import Call, Measured, Outage, Timeline
from services.local.drill.probes import PROBES
from services.local.drill.promises import EVERY_OUTAGE, OWN, judge, promises_of
from tests.services.local.test_gateway import serving

LINE = Timeline(began=0, killed=10, stopped=11, started=25, back=27, caught_up=28, ended=40)
ANSWERED_BY = {
    "search": "availability", "book": "booking", "cancel": "booking", "check in": "booking", "join": "waitlist",
    "withdraw": "waitlist", "read preferences": "notifications", "look up": "directory", "review": "audit",
    "open portal": "portal", "open finder": "finder",
}  # fmt: skip
COUNTS = {
    "left waiting": 0, "new dead letters": 0, "booked meanwhile": 3, "known to search": 3, "reminders due": 3,
    "reminders sent meanwhile": 3, "entries chained meanwhile": 9, "overlapping claims": 0, "slots freed meanwhile": 3,
    "found in search again": 3, "late offers": 0, "requests lost": 0, "messages made meanwhile": 0,
    "confirmations sent once": 3, "reminders sent once": 3, "sent twice": 0, "mails beyond the ledger": 0,
    "entries waiting": 40, "entries written meanwhile": 70, "entries chained": 70, "findings of verification": 0,
}  # fmt: skip
Change = Callable[[Outage], Outage]


def whole(service: str) -> Outage:
    """Return an outage of ``service`` in which every promise was kept."""
    calls = []
    for second in range(40):
        for kind, owner in ANSWERED_BY.items():
            down = owner == service and LINE.killed <= second < LINE.back
            calls.append(Call(kind, owner, second + 0.5, 5.0 if down else 20.0, 503 if down else 200))
    return Outage(service, LINE, calls, COUNTS)


def broken(outage: Outage) -> set[str]:
    return {promise.says for promise, judged in judge(outage) if not judged.kept}


def changed(how: Callable[[Call], Call], when: Callable[[Call], bool]) -> Change:
    return lambda outage: replace(outage, calls=[how(call) if when(call) else call for call in outage.calls])


def counted(**counts: int) -> Change:
    named = {name.replace("_", " "): count for name, count in counts.items()}
    return lambda outage: replace(outage, counts={**outage.counts, **named})


def with_status(status: int) -> Callable[[Call], Call]:
    return lambda call: replace(call, status=status)


def slowly(milliseconds: float) -> Callable[[Call], Call]:
    return lambda call: replace(call, milliseconds=milliseconds)


def during(*kinds: str) -> Callable[[Call], bool]:
    return lambda call: call.kind in kinds and LINE.stopped <= call.at < LINE.started


def ever(kind: str) -> Callable[[Call], bool]:
    return lambda call: call.kind == kind


def after(*kinds: str) -> Callable[[Call], bool]:
    return lambda call: call.kind in kinds and call.at >= LINE.back


def test_every_service_has_promises_and_a_probe() -> None:
    assert OWN.keys() == PROBES.keys() == load_catalogue().keys()
    assert all(own for own in OWN.values())


@pytest.mark.parametrize("service", sorted(OWN))
def test_a_whole_outage_keeps_everything(service: str) -> None:
    assert broken(whole(service)) == set()
    assert len(judge(whole(service))) == len(promises_of(service)) > len(EVERY_OUTAGE)


@pytest.mark.parametrize("service", sorted(OWN))
def test_nothing_measured_is_nothing_kept(service: str) -> None:
    unseen = Outage(service, LINE, [])
    assert broken(unseen) == {promise.says for promise in promises_of(service)}


EVERYWHERE: Sequence[tuple[str, Change]] = (
    ("the others answer every request", changed(with_status(500), during("look up", "search"))),
    ("the others are as quick as before", changed(slowly(5000), during(*ANSWERED_BY))),
    ("who asks it is told so at once", changed(with_status(0), during(*ANSWERED_BY))),
    ("who asks it is told so at once", changed(slowly(9000), during(*ANSWERED_BY))),
    ("it comes back and catches up", changed(with_status(503), after(*ANSWERED_BY))),
    ("it comes back and catches up", lambda o: replace(o, timeline=replace(LINE, started=11, back=100, ended=140))),
    ("nothing is left behind", counted(left_waiting=1)),
    ("nothing is left behind", counted(new_dead_letters=1)),
)


@pytest.mark.parametrize("service", sorted(OWN))
@pytest.mark.parametrize(("says", "change"), EVERYWHERE)
def test_what_every_outage_may_break_is_told(service: str, says: str, change: Change) -> None:
    assert says in broken(change(whole(service)))


@pytest.mark.parametrize(
    ("service", "says", "change"),
    [
        ("directory", "others use their own projections", changed(with_status(503), during("book"))),
        ("availability", "bookings with an offer in hand succeed", changed(with_status(500), during("book"))),
        ("availability", "bookings with an offer in hand succeed", changed(with_status(409), ever("book"))),
        ("availability", "search learns what was booked meanwhile", counted(known_to_search=2)),
        ("booking", "nobody books", changed(with_status(201), during("book"))),
        ("booking", "search goes on", changed(with_status(504), during("search"))),
        ("booking", "reminders go on", counted(reminders_sent_meanwhile=0)),
        ("booking", "audit goes on", counted(entries_chained_meanwhile=0)),
        ("booking", "no two visits overlap", counted(overlapping_claims=1)),
        ("waitlist", "freed slots go back to search", counted(found_in_search_again=2)),
        ("waitlist", "none is offered late, nobody loses their place", counted(late_offers=1)),
        ("waitlist", "none is offered late, nobody loses their place", counted(requests_lost=1)),
        ("notifications", "bookings stand", changed(with_status(0), during("cancel"))),
        ("notifications", "messages wait", counted(messages_made_meanwhile=1)),
        ("notifications", "confirmations catch up once", counted(confirmations_sent_once=2)),
        ("notifications", "reminders catch up once", counted(reminders_sent_once=4)),
        ("notifications", "nothing is sent twice", counted(sent_twice=1)),
        ("notifications", "nothing is sent twice", counted(mails_beyond_the_ledger=1)),
        ("audit", "entries wait", counted(entries_waiting=0)),
        ("audit", "no entry is lost, none doubled", counted(entries_chained=69)),
        ("audit", "no entry is lost, none doubled", counted(entries_chained=71)),
        ("audit", "the chain verifies", counted(findings_of_verification=1)),
        ("portal", "everything else goes on; apps still book", changed(with_status(502), during("join"))),
        ("finder", "signed-in channels go on", changed(with_status(502), during("book"))),
    ],
)  # fmt: skip
def test_a_broken_promise_is_told_with_its_evidence(service: str, says: str, change: Change) -> None:
    outage = change(whole(service))
    assert says in broken(outage)
    [line] = [line for line in report.broken([outage]) if line.startswith(f"{service}: {says}: ")]
    assert len(line) > len(f"{service}: {says}: ")


def test_the_report_holds_what_was_measured() -> None:
    outages = [whole("booking"), counted(entries_waiting=0)(whole("audit"))]
    told = json.loads(json.dumps(report.as_json(outages)))
    assert (told["kept"], len(told["broken"])) == (False, 1)
    [booking, audit] = told["services"]
    assert booking["without"] == load_catalogue()["booking"].without
    assert booking["seconds"] == {"down": 15, "recovery": 2, "catching_up": 3}
    [search] = [row for row in booking["requests"] if row["kind"] == "search"]
    assert (search["ratio"], search["during"]["count"], search["during"]["failed"]) == ("1.00", 17, 0)
    assert [p["kept"] for p in audit["promises"]].count(False) == 1
    console = Console(record=True, width=100, file=None, quiet=False)
    with console.capture() as shown:
        report.show(outages, console)
    assert "BROKEN" in shown.get()
    assert "availability: search" in shown.get()


def test_phases_end_when_the_service_answers_again() -> None:
    assert [LINE.phase(at) for at in (-1, 0, 10, 26, 27, 40)] == [None, "before", "during", "during", "after", None]
    refused = Call("book", "booking", 1, 30, 409)
    assert (refused.done, refused.failed) == (False, False)
    lost = Call("book", "booking", 1, 9999, 0)
    assert Measured.of([refused, lost]) == Measured(count=2, done=0, failed=1, p50_ms=30, p99_ms=30)


def _platform(open_visits: set[str], broken_service: str) -> web.Application:
    """Return a gateway that knows slots, visits and requests, and of which one service fails."""
    app = web.Application()

    async def answer(request: web.Request) -> web.Response:
        _, service, *rest = request.path.split("/")
        if service == broken_service:
            return web.json_response({}, status=503)
        if rest == ["slots"]:
            slots = [
                {"slot": {"clinician_id": f"c{n}", "starts_at": request.query["from"]}, "offer": f"{n}",
                 "starts_local": request.query["from"]} for n in range(5)
            ]  # fmt: skip
            return web.json_response({"slots": slots})
        name = f"{service} {len(open_visits)} {id(request)}"
        match rest:
            case ["appointments" | "requests"]:
                open_visits.add(name)
                return web.json_response({"id": name}, status=201, headers={"ETag": '"1"'})
            case [_, visit, "cancel" | "withdraw"]:
                open_visits.discard(visit)
        return web.json_response({}, headers={"ETag": '"2"'})

    app.router.add_route("*", "/{tail:.*}", answer)
    return app


async def test_the_load_keeps_sending_and_gives_everything_back() -> None:
    made: set[str] = set()
    cast = Cast("s", "d", "a", "fac-1", ["p1", "p2", "p3"], [], [{"facility_id": "fac-1", "zip_code": "02108"}])
    async with serving(_platform(made, "notifications")) as gateway:
        load = Load(gateway, cast, rate=10)
        async with load:
            load.running.set()
            await asyncio.sleep(1.0)
            assert made
            await load.pause()
            sent = len(load.calls)
            await asyncio.sleep(0.2)
            assert len(load.calls) == sent
    assert made == set()
    assert {call.kind for call in load.calls} >= ANSWERED_BY.keys() - {"check in"}
    assert {call.status for call in load.calls if call.service == "notifications"} == {503}
    assert {call.failed for call in load.calls if call.service != "notifications"} == {False}
