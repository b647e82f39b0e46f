"""What API Gateway serves, made from the services' OpenAPI documents: routes, who may call them, what is checked first.

Only routes that are for callers get in: not what the platform asks of a process, not what services ask each other.
The gateway checks tokens, that required parameters are there and that a JSON body has the right shape; the service
checks all of it again and exactly. Every refusal of the gateway is a problem document like a service's (RFC 9457).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import services.contracts
from services.contracts.clients import APP_ACTIONS, RESOURCE_SERVER, SERVICE_ACTIONS
from services.kernel.errors import PROBLEM_BASE

Audience = Literal["people", "partners"]
DOCUMENTS = Path(services.contracts.__file__).parent / "openapi"
VERBS = ("get", "put", "post", "delete", "patch")
# Asked by the platform from inside (services/kernel/http.py).
OPERATIONAL = frozenset({"/livez", "/readyz", "/metrics"})
# Asked by Route 53 from outside (infra/components/failover.py): whether the service is ready that everything is for.
HEALTH_PATH, HEALTH_SERVICE = "/health/ready", "booking"
EVENT_STREAM = "text/event-stream"
# Longer than a service's own deadline, and the longest that a stream may last (API Gateway quotas).
ANSWER_MILLISECONDS, STREAM_MILLISECONDS = 29_000, 900_000
HEALTH_MILLISECONDS = 3_000
PROBLEM = "application/problem+json"
_REFUSALS = {
    "BAD_REQUEST_BODY": (422, "invalid", "The request is not as the contract says."),
    "BAD_REQUEST_PARAMETERS": (422, "invalid", "A required parameter is missing."),
    "UNAUTHORIZED": (401, "unauthenticated", "Sign in, or present a valid token."),
    "ACCESS_DENIED": (403, "forbidden", "The token does not cover this."),
    "EXPIRED_TOKEN": (401, "token-expired", "The token is no longer valid."),
    "INVALID_API_KEY": (403, "unknown-app", "The API key is missing or unknown."),
    "THROTTLED": (429, "too-many-requests", "Too many requests; try again shortly."),
    "QUOTA_EXCEEDED": (429, "quota-used-up", "The plan's requests of today are used up."),
    "WAF_FILTERED": (403, "refused", "The request was refused."),
    "REQUEST_TOO_LARGE": (413, "too-large", "The request is too large."),
    "INTEGRATION_TIMEOUT": (504, "unavailable", "The service does not answer in time; try again shortly."),
    "MISSING_AUTHENTICATION_TOKEN": (404, "not-found", "There is nothing here."),
    "DEFAULT_4XX": (None, "refused", "The request was refused."),
    "DEFAULT_5XX": (None, "unavailable", "The service does not answer; try again shortly."),
}
# What JSON Schema draft 4, which API Gateway's models are, says the same way as OpenAPI 3.1's schemas do.
_KEPT = ("type", "enum", "minLength", "maxLength", "minimum", "maximum", "required")


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of a service as callers see it: ``path`` begins with the service's name."""

    service: str
    path: str
    verb: str
    operation: Mapping[str, Any]
    schemas: Mapping[str, Any]

    @property
    def action(self) -> str:
        """The access action that guards it; empty for what is open to everyone."""
        return str(self.operation.get("x-careslot-action", ""))

    @property
    def bearer(self) -> bool:
        """Whether it takes a token in the Authorization header (the portal's pages take a cookie of their own)."""
        return any("bearer" in requirement for requirement in self.operation.get("security", ()))

    @property
    def streams(self) -> bool:
        """Whether its answer is a stream of events."""
        answers = self.operation["responses"].values()
        return any(EVENT_STREAM in answer.get("content", {}) for answer in answers)


@dataclass(frozen=True, slots=True)
class Wiring:
    """What of AWS the document mentions: the load balancer inside by address and ARN, the link to it, the user pool."""

    entrance_address: str
    entrance_arn: str
    vpc_link_id: str
    user_pool_arn: str


@cache
def routes(audience: Audience) -> tuple[Route, ...]:
    """Return the routes for people, or those that partners' apps have a scope for, in the order of path and verb."""
    return tuple(route for route in _all_routes() if _open_to(route, audience))


def document(title: str, audience: Audience, wiring: Wiring) -> str:
    """Return API Gateway's OpenAPI document, as JSON."""
    paths: dict[str, dict[str, Any]] = {HEALTH_PATH: {"get": _health(wiring)}} if audience == "people" else {}
    for route in routes(audience):
        paths.setdefault(route.path, {})[route.verb] = _operation(route, audience, wiring)
    return json.dumps(
        {
            "openapi": "3.0.1",
            "info": {"title": title, "version": "1"},
            "paths": paths,
            "components": {"securitySchemes": _security_schemes(audience, wiring)},
            "x-amazon-apigateway-request-validators": {
                "all": {"validateRequestBody": True, "validateRequestParameters": True}
            },
            "x-amazon-apigateway-request-validator": "all",
            "x-amazon-apigateway-gateway-responses": {name: _refusal(*how) for name, how in _REFUSALS.items()},
        },
        sort_keys=True,
    )


def shape(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = 6) -> dict[str, Any]:
    """Return what of a schema the gateway checks: never stricter than the service, looser where draft 4 differs."""
    if "$ref" in schema:
        return shape(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth)
    if depth == 0 or not isinstance(schema.get("type"), str):
        return {}
    found = {key: schema[key] for key in _KEPT if key in schema}
    if "properties" in schema:
        found["properties"] = {key: shape(below, schemas, depth - 1) for key, below in schema["properties"].items()}
    if schema.get("additionalProperties") is False:
        found["additionalProperties"] = False
    if "items" in schema:
        found["items"] = shape(schema["items"], schemas, depth - 1)
    return found


def _all_routes() -> Iterator[Route]:
    for file in sorted(DOCUMENTS.glob("*.json")):
        contract = json.loads(file.read_text("utf-8"))
        for path, item in sorted(contract["paths"].items()):
            for verb in VERBS:
                if verb in item:
                    yield Route(
                        file.stem,
                        f"/{file.stem}{path}".rstrip("/"),
                        verb,
                        item[verb],
                        contract.get("components", {}).get("schemas", {}),
                    )


def _open_to(route: Route, audience: Audience) -> bool:
    if route.path.removeprefix(f"/{route.service}") in OPERATIONAL or route.action in SERVICE_ACTIONS:
        return False
    return audience == "people" or (route.bearer and route.verb == "get" and route.action in APP_ACTIONS)


def _operation(route: Route, audience: Audience, wiring: Wiring) -> dict[str, Any]:
    parameters = [_parameter(p) for p in route.operation.get("parameters", ()) if p["in"] != "cookie"]
    found: dict[str, Any] = {
        "parameters": parameters,
        "responses": {"default": {"description": "What the service answers."}},
        "security": _security(route, audience),
        "x-amazon-apigateway-integration": _integration(route, wiring),
    }
    body = route.operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        model = shape(body["schema"], route.schemas)
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": model}}}
    return found


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    # Types of parameters are text to the gateway; the service says what is wrong with a value.
    return {
        "name": parameter["name"],
        "in": parameter["in"],
        "required": bool(parameter.get("required", False)),
        "schema": {"type": "string"},
    }


def _security(route: Route, audience: Audience) -> list[dict[str, list[str]]]:
    if not route.bearer:
        return []
    if audience == "people":
        return [{"token": []}]
    return [{"token": [f"{RESOURCE_SERVER}/{APP_ACTIONS[route.action]}"], "plan": []}]


def _security_schemes(audience: Audience, wiring: Wiring) -> dict[str, Any]:
    """A person's ID token or, where a route names scopes, an app's access token; partners' keys carry their plan."""
    token = {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "cognito_user_pools",
        "x-amazon-apigateway-authorizer": {
            "type": "cognito_user_pools",
            "providerARNs": [wiring.user_pool_arn],
            "authorizerResultTtlInSeconds": 300,
        },
    }
    if audience == "people":
        return {"token": token}
    return {"token": token, "plan": {"type": "apiKey", "name": "x-api-key", "in": "header"}}


def _health(wiring: Wiring) -> dict[str, Any]:
    integration = {
        "type": "http_proxy",
        "httpMethod": "GET",
        "uri": f"{wiring.entrance_address}/{HEALTH_SERVICE}/readyz",
        **_through(wiring),
        "passthroughBehavior": "never",
        "timeoutInMillis": HEALTH_MILLISECONDS,
    }
    return {
        "responses": {"default": {"description": "Whether this region can be used."}},
        "security": [],
        "x-amazon-apigateway-integration": integration,
    }


def _integration(route: Route, wiring: Wiring) -> dict[str, Any]:
    variables = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    found: dict[str, Any] = {
        "type": "http_proxy",
        "httpMethod": route.verb.upper(),
        "uri": f"{wiring.entrance_address}{route.path}",
        **_through(wiring),
        "passthroughBehavior": "when_no_match",
        "timeoutInMillis": STREAM_MILLISECONDS if route.streams else ANSWER_MILLISECONDS,
        "requestParameters": {f"integration.request.path.{name}": f"method.request.path.{name}" for name in variables},
    }
    if route.streams:
        found["responseTransferMode"] = "STREAM"
    return found


def _through(wiring: Wiring) -> dict[str, str]:
    return {
        "connectionType": "VPC_LINK",
        "connectionId": wiring.vpc_link_id,
        "integrationTarget": wiring.entrance_arn,
    }


def _refusal(status: int | None, slug: str, title: str) -> dict[str, Any]:
    problem = {"type": f"{PROBLEM_BASE}{slug}", "title": title, "request_id": "$context.requestId"}
    found: dict[str, Any] = {
        "responseParameters": {
            "gatewayresponse.header.Content-Type": f"'{PROBLEM}'",
            "gatewayresponse.header.Cache-Control": "'no-store'",
        },
        "responseTemplates": {"application/json": json.dumps(problem)},
    }
    return found if status is None else {**found, "statusCode": str(status)}
