"""At the edge in a rush: who gets in, what the others are told, what is never refused, and that places come back."""

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI

from services.kernel.admission import LEAST_WAITING
from services.kernel.doorkeeper import Place
from services.kernel.resilience import TURNED_AWAY_HEADER
from tests.services.kernel.rush import ask, door_of, full, service_with_one_place


@pytest.fixture
def app() -> FastAPI:
    return service_with_one_place()


async def test_those_who_wait_get_the_place_when_it_is_free(app: FastAPI) -> None:
    async with full(app, 3) as tasks:
        assert not any(task.done() for task in tasks)
    assert [task.result().status_code for task in tasks] == [200] * 4
    assert (door_of(app).admission.in_hand, door_of(app).admission.waiting) == (0, 0)


async def test_of_those_who_come_in_the_same_moment_the_desk_goes_first(app: FastAPI) -> None:
    """Their requests only use the processor: nothing in them waits, so that the queue would be the loop's own."""
    await asyncio.gather(ask(app, "/day", "desk"), ask(app, "/app", "robot"))
    done: list[str] = []

    async def one(path: str, who: str) -> None:
        assert (await ask(app, path, who)).status_code == 200
        done.append(who)

    await asyncio.gather(*(one("/app", "robot") for _ in range(20)), one("/day", "desk"))
    assert done.index("desk") <= 2
    assert door_of(app).admission.in_hand == 0


async def test_who_goes_away_in_the_turn_of_the_loop_that_lets_them_in_gives_the_place_back(app: FastAPI) -> None:
    place = door_of(app).ask(1, 0, "somebody", 10.0, stream=False)
    assert isinstance(place, Place)
    waiting = asyncio.create_task(place.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert door_of(app).admission.in_hand == 0


async def test_who_is_too_many_is_told_at_once_and_when_to_come_back(app: FastAPI) -> None:
    async with full(app, LEAST_WAITING):
        answer = await ask(app, "/slow")
        assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
        assert answer.json()["type"] == "urn:careslot:problem:too-many-requests"
        assert 1 <= int(answer.headers["retry-after"]) <= 3
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers[TURNED_AWAY_HEADER] == "too-many-requests"
        assert answer.json()["instance"] == f"urn:trace:{answer.headers['x-correlation-id']}"
        late = await ask(app, "/slow", **{"careslot-deadline-ms": "0"})
        assert (late.status_code, late.json()["type"]) == (503, "urn:careslot:problem:overloaded")


async def test_what_the_platform_asks_is_never_refused(app: FastAPI) -> None:
    async with full(app, LEAST_WAITING):
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await ask(app, path)).status_code == 200
        text = (await ask(app, "/metrics")).text
    assert f'careslot_admission_requests{{kind="waiting",service="t"}} {LEAST_WAITING}.0' in text


async def test_a_class_is_not_claimed_but_verified(app: FastAPI) -> None:
    lines = door_of(app).admission.lines
    await ask(app, "/day", "desk-1")
    assert (lines["newcomers"].admitted, lines["desk"].admitted) == (1, 0)
    await ask(app, "/day", "desk-1")
    assert (lines["newcomers"].admitted, lines["desk"].admitted) == (1, 1)
    app.state.edge.verifier.withdrawn.add("desk-1")
    assert (await ask(app, "/day", "desk-1")).status_code == 401
    await ask(app, "/day", "desk-1")
    assert (lines["newcomers"].admitted, lines["desk"].admitted) == (2, 2)


async def test_a_desk_is_served_while_strangers_and_robots_fill_every_queue(app: FastAPI) -> None:
    for token in ("desk-1", "robot-1"):
        await ask(app, "/day", token)
    async with full(app, LEAST_WAITING):
        robots = [asyncio.create_task(ask(app, "/day", "robot-1")) for _ in range(20)]
        desk = asyncio.create_task(ask(app, "/day", "desk-1"))
        await asyncio.sleep(0.05)
    told = [answer.status_code for answer in await asyncio.gather(*robots)]
    assert (await desk).status_code == 200
    assert 429 in told


async def test_a_stream_holds_no_place_but_there_are_not_endlessly_many(app: FastAPI) -> None:
    door, wanted = door_of(app), {"accept": "text/event-stream"}
    listening = [asyncio.create_task(ask(app, "/stream", **wanted)) for _ in range(2)]
    async with asyncio.timeout(20):
        while door.streams < 2:
            await asyncio.sleep(0.001)
    assert door.admission.in_hand == 0
    refused = await ask(app, "/stream", **wanted)
    assert (refused.status_code, door.admission.lines["newcomers"].refused) == (503, {"too-many-streams": 1})
    app.state.gone_on.set()
    answers = await asyncio.gather(*listening)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "data: 3600.0" in answers[0].text, "what has begun may go on after the request's own deadline"
    assert door.streams == 0


async def test_whoever_goes_away_while_waiting_leaves_nothing_behind(app: FastAPI) -> None:
    async with full(app, 2) as tasks:
        tasks[2].cancel()
        await asyncio.sleep(0.01)
        assert door_of(app).admission.waiting == 1
        tasks.pop()
    assert (door_of(app).admission.in_hand, door_of(app).admission.waiting) == (0, 0)


async def test_whoever_waited_as_long_as_they_may_is_told(app: FastAPI) -> None:
    async with full(app):
        answer = await ask(app, "/slow", **{"careslot-deadline-ms": "80"})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:careslot:problem:overloaded")


async def test_a_browser_is_shown_a_page(app: FastAPI) -> None:
    app.state.edge.refused_page = lambda headers: ("text/html", headers[b"accept-language"])
    async with full(app):
        answer = await ask(app, "/slow", **{"careslot-deadline-ms": "0", "accept-language": "es"})
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (503, "es", "text/html")


async def test_guarded_routes_say_in_their_contract_that_they_may_refuse(app: FastAPI) -> None:
    document: dict[str, Any] = json.loads((await ask(app, "/openapi.json")).text)
    assert {"429", "503"} <= document["paths"]["/day"]["get"]["responses"].keys()
