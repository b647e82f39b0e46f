"""`careslot schedule give` against a platform that is a table: who is made up, what is given, what is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from services.availability.adapters.platform_client import PlatformClient
from services.availability.api.schedules import TemplateBody
from services.availability.cli import register
from services.availability.cli import schedule as cli
from services.kernel.errors import CareslotError, Forbidden, Invalid, NotFound, Unavailable


class Platform:
    """A gateway with one facility; remembers what it was told."""

    def __init__(self, clinicians: Sequence[str] = ()) -> None:
        self.clinicians = list(clinicians)
        self.templates: dict[str, dict[str, Any]] = {}
        self.waiting: list[list[str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        parts = request.url.path.strip("/").split("/")
        match (request.method, *parts):
            case ("GET", "directory", "facilities", "fac-0001"):
                return httpx.Response(200, json={"name": "Boston Medical"})
            case ("GET", "directory", "clinicians"):
                at = int(request.url.params["cursor"] or 0)
                limit = int(request.url.params["limit"])
                page = [{"clinician_id": one} for one in self.clinicians[at : at + limit]]
                more = str(at + limit) if at + limit < len(self.clinicians) else ""
                return httpx.Response(200, json={"clinicians": page, "next": more})
            case ("PUT", "directory", "clinicians", name):
                self.clinicians.append(name)
                return httpx.Response(201, json=json.loads(request.content))
            case ("PUT", "availability", "clinicians", name, "templates", _):
                if name in self.templates and "if-match" not in request.headers:
                    return httpx.Response(412, json={"title": "exists"})
                self.templates[name] = json.loads(request.content)
                return httpx.Response(200, json={})
            case ("GET", "availability", "clinicians", _, "schedule"):
                waiting = self.waiting.pop(0) if self.waiting else []
                weekly = {"template_id": "weekly", "version": 4}
                return httpx.Response(200, json={"templates": [weekly], "waiting_for": waiting})
        return httpx.Response(404, json={"title": "Not found", "detail": "No such thing."})


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a runner of `give` against a platform."""
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    real = httpx.Client

    def against(platform: Platform, *arguments: str) -> Any:
        def client(**kwargs: Any) -> httpx.Client:
            return real(transport=httpx.MockTransport(platform), **kwargs)

        monkeypatch.setattr(httpx, "Client", client)
        return CliRunner().invoke(app, ["schedule", "give", "--facility", "fac-0001", "--token", "t", *arguments])

    return against


def test_an_empty_facility_gets_made_up_clinicians(run: Callable[..., Any]) -> None:
    platform = Platform()
    outcome = run(platform, "--days", "mon,wed-thu", "--from", "07:30", "--to", "12:00", "--clinicians", "2")
    assert outcome.exit_code == 0, outcome.output
    assert platform.clinicians == ["cln-fac-0001-001", "cln-fac-0001-002"]
    given = platform.templates["cln-fac-0001-002"]
    assert (given["weekdays"], given["starts"], given["ends"]) == (["mon", "wed", "thu"], "07:30", "12:00")
    TemplateBody.model_validate(given)
    assert "2 clinicians work mon,wed-thu 07:30 to 12:00 at Boston Medical" in outcome.output


def test_those_who_are_there_are_given_hours_first(run: Callable[..., Any]) -> None:
    platform = Platform([f"cln-{n}" for n in range(250)])
    assert run(platform).exit_code == 0
    assert len(platform.templates) == 250
    platform = Platform(["cln-1"])
    assert run(platform, "--clinicians", "2").exit_code == 0
    assert list(platform.templates) == ["cln-1", "cln-fac-0001-001"]


def test_giving_again_replaces(run: Callable[..., Any]) -> None:
    platform = Platform(["cln-1"])
    assert run(platform, "--clinician", "cln-1").exit_code == 0
    assert run(platform, "--clinician", "cln-1", "--grid", "15").exit_code == 0
    assert platform.templates["cln-1"]["grid_minutes"] == 15


@pytest.mark.parametrize(
    "arguments",
    [("--days", "noday"), ("--days", ""), ("--clinician", "a", "--clinicians", "2"), ("--grid", "1"), ("--token", "")],
)
def test_usage_errors_exit_with_2(run: Callable[..., Any], arguments: Sequence[str]) -> None:
    assert run(Platform(), *arguments).exit_code == 2


def test_weekday_ranges_may_wrap() -> None:
    assert cli.parse_days("sat-mon") == ["mon", "sat", "sun"]
    assert cli.parse_days("Tue") == ["tue"]
    assert len(cli.parse_days("mon-sun")) == 7


def test_it_waits_until_the_slots_are_there() -> None:
    platform = Platform()
    platform.waiting = [["the clinician is not known yet"], ["the clinician is not known yet"]]
    waits: list[float] = []
    client = PlatformClient(httpx.Client(transport=httpx.MockTransport(platform), base_url="http://p"))
    assert cli._settle(client, ["cln-1"], waits.append) == ()
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (httpx.Response(403, json={"detail": "Not here."}), Forbidden, "Not here."),
        (httpx.Response(422, json={"title": "t", "errors": [{"where": "a", "what": "b"}]}), Invalid, "t; a: b"),
        (httpx.Response(404, text="<html>"), NotFound, "The platform answered 404."),
        (httpx.Response(500, json=[1]), Unavailable, "The platform answered 500."),
    ],
)
def test_a_refusal_is_told_in_the_services_words(
    answer: httpx.Response, error: type[CareslotError], words: str
) -> None:
    client = PlatformClient(httpx.Client(transport=httpx.MockTransport(lambda _: answer), base_url="http://p"))
    with pytest.raises(error) as caught:
        client.facility("fac-0001")
    assert caught.value.detail == words


def test_a_platform_that_is_down_is_told() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = PlatformClient(httpx.Client(transport=httpx.MockTransport(refuse), base_url="http://p"))
    with pytest.raises(Unavailable) as caught:
        client.facility("fac-0001")
    assert "is it up" in caught.value.detail
