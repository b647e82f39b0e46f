"""Deny by default begins at the route: each one asks for one declared action, or says why it is open to all."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator

from fastapi import APIRouter, Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from services.contracts.catalogue import load_catalogue
from services.kernel import http
from services.kernel.access import AccessPolicies
from services.portal.api import entrance
from tests.repository.tree import ROOT, told

FEWEST_WORDS = 4


def applications() -> dict[str, FastAPI]:
    """Return every service's application, built but not started."""
    return {name: importlib.import_module(f"services.{name}.main").create() for name in load_catalogue()}


def declared_actions() -> frozenset[str]:
    """Return the actions of the access policies' schema."""
    return AccessPolicies.from_folder(ROOT / "policies" / "access").actions


def routes(app: FastAPI) -> Iterator[tuple[str, RouteContext]]:
    """Yield each route as it is served, with its methods and path to tell of it."""
    for route in iter_route_contexts(app.routes):
        yield f"{'/'.join(sorted(route.methods or {'?'}))} {route.path}", route


def asked(dependant: Dependant, guard: Callable[[str], object] = http._entrance) -> list[str]:
    """Return the actions that the guards among a route's dependencies open the gate for.

    With the portal's guard: what its pages ask of the services behind, with the session they make sure of.
    """
    found = []
    for dependency in dependant.dependencies:
        call = dependency.call
        made_by = (getattr(call, "__module__", ""), getattr(call, "__qualname__", "").partition(".")[0])
        if made_by == (guard.__module__, guard.__name__) and inspect.isfunction(call):
            found.append(str(inspect.getclosurevars(call).nonlocals["action"]))
        found += asked(dependency, guard)
    return found


def faults(app: FastAPI, actions: frozenset[str]) -> list[str]:
    """Return the routes neither guarded by one declared action, nor delegating one, nor open with a reason."""
    found = []
    for name, route in routes(app):
        if not isinstance(route.original_route, APIRoute):
            found.append(f"{name}: is not a plain API route, so nothing guards it")
            continue
        extra = route.openapi_extra or {}
        said, reason = extra.get("x-careslot-action"), extra.get("x-careslot-public")
        guards, delegated = asked(route.dependant), extra.get("x-careslot-delegates")
        if reason is not None:
            if guards or said or delegated:
                found.append(f"{name}: is declared public and guarded")
            if len(str(reason).split()) < FEWEST_WORDS:
                found.append(f"{name}: the reason to be public says nothing: {reason!r}")
        elif delegated is not None:
            found += _faults_of_page(name, delegated, asked(route.dependant, entrance._entrance), actions, guards)
        elif guards != [said] or said is None:
            found.append(f"{name}: needs one guard, has {guards or 'none'} and says {said}")
        elif said not in actions:
            found.append(f"{name}: the policies know no action {said}")
    return found


def _faults_of_page(
    name: str, delegated: str, sessions: list[str], actions: frozenset[str], guards: list[str]
) -> list[str]:
    found = []
    if guards or sessions != [delegated]:
        found.append(f"{name}: delegates, so a session is its only guard, and it opens no gate")
    if delegated not in actions:
        found.append(f"{name}: the policies know no action {delegated}")
    return found


def threaded(dependant: Dependant) -> list[str]:
    """Return what FastAPI calls in a thread of its pool, because it is no coroutine function."""
    own = [] if inspect.iscoroutinefunction(dependant.call) else [getattr(dependant.call, "__qualname__", "?")]
    return own + [name for dependency in dependant.dependencies for name in threaded(dependency)]


def test_no_request_goes_through_a_thread_pool() -> None:
    """Forty threads are a queue that nobody put in order, and each hand-over waits for the interpreter's lock."""
    found = [
        f"{service}: {name} calls {call}"
        for service, app in applications().items()
        for name, route in routes(app)
        for call in threaded(route.dependant)
    ]
    assert not found, told(found)


def test_what_goes_through_a_thread_pool_is_found() -> None:
    def slow() -> int:
        return 1

    router = APIRouter()

    @router.get("/fine")
    async def fine() -> int:
        return 1

    @router.get("/depends", dependencies=[Depends(slow)])
    async def depends() -> int:
        return 1

    router.add_api_route("/endpoint", slow)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(router)
    assert {name: len(threaded(route.dependant)) for name, route in routes(app)} == {
        "GET /fine": 0,
        "GET /depends": 1,
        "GET /endpoint": 1,
    }


def test_every_route_declares_who_may_call_it() -> None:
    actions = declared_actions()
    found = [f"{service}: {fault}" for service, app in applications().items() for fault in faults(app, actions)]
    assert not found, told(found)


def test_every_declared_action_guards_a_route() -> None:
    used = {action for app in applications().values() for _, route in routes(app) for action in asked(route.dependant)}
    unused = sorted(declared_actions() - used)
    assert not unused, f"actions in the policies that no route asks for:{told(unused)}"


def test_every_service_serves_its_operations() -> None:
    for service, app in applications().items():
        paths = {route.path for _, route in routes(app)}
        assert {"/livez", "/readyz", "/metrics", "/openapi.json"} <= paths, service


def test_planted_faults_are_found() -> None:
    router = APIRouter()
    answer = {"GET /both": "public and guarded", "GET /bare": "needs one guard", "GET /mute": "says nothing"}
    answer |= {"GET /loose": "a session is its only guard"}
    answer |= {"GET /unknown": "no action", "GET /said": "needs one guard"}

    def nothing() -> None:
        """Do nothing."""

    router.get("/fine", **http.guard("read-day"))(nothing)
    router.get("/open", **http.public("anyone may look at this"))(nothing)
    router.get("/bare")(nothing)
    router.get("/mute", **http.public("why"))(nothing)
    router.get("/unknown", **http.guard("fly-to-the-moon"))(nothing)
    router.get("/loose", openapi_extra={"x-careslot-delegates": "read-day"})(nothing)
    router.get("/said", openapi_extra={"x-careslot-action": "read-day"})(nothing)
    router.get("/both", **{**http.guard("read-day"), **http.public("anyone may look at this")})(nothing)
    app = FastAPI(openapi_url=None)
    app.include_router(router, prefix="/in")
    app.include_router(router)
    found = faults(app, frozenset({"read-day"}))
    for route, words in answer.items():
        (fault,) = [fault for fault in found if fault.startswith(f"{route}:")]
        assert words in fault
    assert len(found) == 2 * len(answer)
