"""The process: it can be made without any environment, it comes up, answers and goes down."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from services.directory.main import create
from services.local.aws import Aws, client_environment
from tests.fixtures.glass import glass_jwks, glass_key
from tests.fixtures.platform import DeclareTopology, NewDatabase


def test_its_contract_needs_no_environment() -> None:
    document = create().openapi()
    routes = {
        (method, path) for path, operations in document["paths"].items() for method in operations if path[1:5] != "live"
    }
    assert {
        ("get", "/facilities"), ("put", "/facilities/{facility_id}"), ("get", "/specialties"), ("get", "/visit-types"),
        ("put", "/visit-types/{code}"), ("get", "/clinicians"), ("put", "/clinicians/{clinician_id}"),
        ("post", "/patients"), ("post", "/patients/search"), ("put", "/patients/{patient_id}"),
        ("put", "/patients/{patient_id}/proxies/{person}"), ("delete", "/patients/{patient_id}/proxies/{person}"),
        ("put", "/role-assignments/{username}"),
    } <= routes  # fmt: skip
    assert not any("name" in parameter["name"] and parameter["in"] != "path" for path in document["paths"].values()
                   for operation in path.values() for parameter in operation.get("parameters", ()))  # fmt: skip


async def test_it_comes_up_and_is_ready(
    database: NewDatabase, aws: Aws, topology: DeclareTopology, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        **client_environment(aws.endpoint_url),
        "CARESLOT_DATABASE_URL": database("directory"),
        "CARESLOT_BUS_NAME": topology(()).bus,
        "CARESLOT_TOKEN_ISSUER": "https://issuer.example",
        "CARESLOT_TOKEN_AUDIENCES": "portal",
        "CARESLOT_TOKEN_JWKS_URL": "https://issuer.example/jwks.json",
        "CARESLOT_ACCESS_POLICIES": str(root / "policies" / "access"),
        "CARESLOT_USER_POOL_ID": "us-east-1_example",
        "CARESLOT_BREAK_GLASS_SIGNING_KEY": glass_key().pem,
        "CARESLOT_BREAK_GLASS_KEY_ID": glass_key().key_id,
        "CARESLOT_BREAK_GLASS_KEYS": json.dumps(glass_jwks()),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    app = create()
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()["checks"]) == (200, {"database": "ok", "bus": "ok"})
            assert (await client.get("/facilities")).status_code == 401
