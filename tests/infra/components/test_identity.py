"""The user pool: as the laptop's, with a second factor and without accounts anybody makes for themselves."""

from __future__ import annotations

import pytest

from services.contracts.clients import ATTRIBUTES, CLIENTS, SCOPES, SERVICE_SCOPES
from services.contracts.roles import Role
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")


def test_everyone_has_a_second_factor_and_a_long_password() -> None:
    (pool,) = stack("prod-us-east-1").of_type("aws:cognito/userPool:UserPool")
    assert pool.inputs["mfaConfiguration"] == "ON"
    assert pool.inputs["passwordPolicy"]["minimumLength"] >= 14
    assert pool.inputs["userPoolAddOns"]["advancedSecurityMode"] == "ENFORCED"
    assert pool.inputs["adminCreateUserConfig"]["allowAdminCreateUserOnly"] is True
    assert pool.inputs["deletionProtection"] == "ACTIVE"
    assert pool.data_class == "phi"
    assert {schema["name"] for schema in pool.inputs["schemas"]} == set(ATTRIBUTES)


def test_groups_scopes_and_clients_are_the_contracts() -> None:
    graph = stack("dev-us-east-1")
    groups = {group.inputs["name"] for group in graph.of_type("aws:cognito/userGroup:UserGroup")}
    assert groups == {role.value for role in Role} - {"external-app"}
    (server,) = graph.of_type("aws:cognito/resourceServer:ResourceServer")
    assert {scope["scopeName"] for scope in server.inputs["scopes"]} == set(SCOPES) | set(SERVICE_SCOPES)
    made = {
        client.inputs["name"]: client.inputs for client in graph.of_type("aws:cognito/userPoolClient:UserPoolClient")
    }
    assert set(made) == {client.name for client in CLIENTS}
    for client in CLIENTS:
        inputs = made[client.name]
        assert inputs["generateSecret"] is not client.for_people
        assert inputs.get("allowedOauthScopes", []) == list(client.asked_as)
        assert inputs.get("allowedOauthFlows", []) == ([] if client.for_people else ["client_credentials"])


def test_nobody_changes_who_they_are() -> None:
    (portal,) = [
        client
        for client in stack("dev-us-east-1").of_type("aws:cognito/userPoolClient:UserPoolClient")
        if client.inputs["name"] == "portal"
    ]
    assert not [name for name in portal.inputs["writeAttributes"] if name.startswith("custom:")]
    assert portal.inputs["preventUserExistenceErrors"] == "ENABLED"


def test_both_regions_have_a_pool_of_the_same_shape() -> None:
    def shape(region: str) -> dict[str, object]:
        (pool,) = stack(region).of_type("aws:cognito/userPool:UserPool")
        return {key: value for key, value in pool.inputs.items() if key != "region"}

    assert shape("prod-us-east-1") == shape("prod-us-west-2")
