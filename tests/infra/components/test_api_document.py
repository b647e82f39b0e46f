"""What API Gateway is told: every route for callers and no other, never stricter than the service."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema_rs import Draft4Validator, meta

from infra.components.api_document import DOCUMENTS, OPERATIONAL, VERBS, Wiring, document, routes, shape
from services.contracts.clients import APP_ACTIONS, CLIENTS, SCOPES, SERVICE_ACTIONS, SERVICE_SCOPES

WIRING = Wiring(
    "https://inside.example", "arn:aws:elasticloadbalancing:::inside", "link-1", "arn:aws:cognito-idp:::pool"
)
# API Gateway quotas: resources of a REST API (to be raised on request), size of a document.
MOST_RESOURCES, MOST_BYTES = 300, 6 * 1024 * 1024


def made(audience: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document("test", audience, WIRING))
    return found


def operations(audience: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(path, verb): op for path, item in made(audience)["paths"].items() for verb, op in item.items()}


def test_every_route_of_every_service_is_served_but_those_that_are_not_for_callers() -> None:
    contracts = {file.stem: json.loads(file.read_text()) for file in DOCUMENTS.glob("*.json")}
    wanted = {
        (f"/{service}{path}".rstrip("/"), verb)
        for service, contract in contracts.items()
        for path, item in contract["paths"].items()
        for verb in VERBS
        if verb in item and path not in OPERATIONAL and item[verb].get("x-careslot-action") not in SERVICE_ACTIONS
    }
    assert set(operations("people")) == wanted | {("/health/ready", "get")}
    left_out = {route.path for route in routes("people")}
    assert not {"/booking/changes", "/booking/metrics", "/audit/livez"} & left_out


def test_a_token_is_asked_for_wherever_the_service_asks_for_one() -> None:
    asked = operations("people")
    for route in routes("people"):
        assert asked[route.path, route.verb]["security"] == ([{"token": []}] if route.bearer else [])
    assert [route for route in routes("people") if route.bearer and route.action]


def test_partners_are_served_what_an_app_has_a_scope_for_and_asked_for_it_with_a_key() -> None:
    asked = operations("partners")
    assert {route.action for route in routes("partners")} == set(APP_ACTIONS)
    for route in routes("partners"):
        assert asked[route.path, route.verb]["security"] == [
            {"token": [f"careslot/{APP_ACTIONS[route.action]}"], "plan": []}
        ]
    assert ("/health/ready", "get") not in asked
    assert not [route for route in routes("partners") if route.verb != "get"]


def test_scopes_and_actions_agree() -> None:
    assert set(APP_ACTIONS.values()) == set(SCOPES)
    assert set(SERVICE_ACTIONS.values()) == set(SERVICE_SCOPES)
    known = SCOPES | SERVICE_SCOPES
    assert all(scope in known for client in CLIENTS for scope in client.scopes)
    assert {route.action for route in routes("people")} & set(SERVICE_ACTIONS) == set()


def test_requests_go_through_the_link_to_the_same_path_inside() -> None:
    for (path, _), operation in operations("people").items():
        to = operation["x-amazon-apigateway-integration"]
        assert (to["connectionType"], to["connectionId"], to["type"]) == ("VPC_LINK", "link-1", "http_proxy")
        assert to["uri"] == f"https://inside.example{path if path != '/health/ready' else '/booking/readyz'}"
        variables = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        assert set(to.get("requestParameters", {})) == {f"integration.request.path.{name}" for name in variables}


def test_streams_are_passed_on_as_they_come() -> None:
    streams = {
        path
        for (path, _), operation in operations("people").items()
        if operation["x-amazon-apigateway-integration"].get("responseTransferMode") == "STREAM"
    }
    assert "/booking/appointments/{appointment_id}/stream" in streams
    assert all(path.endswith("/stream") for path in streams)


def test_it_fits_into_the_gateways_limits() -> None:
    paths = [route.path.split("/")[1:] for route in routes("people")]
    nodes = {tuple(path[: length + 1]) for path in paths for length in range(len(path))}
    assert len(nodes) < MOST_RESOURCES
    assert len(document("test", "people", WIRING)) < MOST_BYTES
    siblings: dict[tuple[str, ...], set[str]] = {}
    for node in nodes:
        if node[-1].startswith("{"):
            siblings.setdefault(node[:-1], set()).add(node[-1])
    # A REST API knows one variable at a place.
    assert not {place: names for place, names in siblings.items() if len(names) > 1}


def test_models_are_draft_4_and_complete() -> None:
    models = {
        key: operation["requestBody"]["content"]["application/json"]["schema"]
        for key, operation in operations("people").items()
        if "requestBody" in operation
    }
    assert len(models) > 20
    for model in models.values():
        assert meta.is_valid({"$schema": "http://json-schema.org/draft-04/schema#", **model})
        assert "$ref" not in json.dumps(model)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
        ({"type": "string", "const": "a"}, "a"),
        ({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}, [None, 1]),
        (
            {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}}, "required": ["a"]},
            {"a": {"b": 1}},
        ),
        ({"type": "integer", "exclusiveMinimum": 0}, 1),
    ],
)
def test_the_gateway_is_never_stricter_than_the_service(schema: dict[str, Any], value: object) -> None:
    schemas = {"A": {"type": "object", "properties": {"b": {"type": "integer"}}}}
    assert Draft4Validator(shape(schema, schemas)).is_valid(value)


def test_the_gateway_refuses_what_is_plainly_wrong() -> None:
    body = operations("people")["/booking/holds", "post"]["requestBody"]["content"]["application/json"]["schema"]
    assert not Draft4Validator(body).is_valid({})
    assert not Draft4Validator(body).is_valid([])


def test_refusals_of_the_gateway_are_problem_documents() -> None:
    for name, refusal in made("people")["x-amazon-apigateway-gateway-responses"].items():
        problem = json.loads(refusal["responseTemplates"]["application/json"])
        assert problem["type"].startswith("urn:careslot:problem:"), name
        assert refusal["responseParameters"]["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
