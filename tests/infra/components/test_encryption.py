"""Keys: one a data class, the same under one alias in every region."""

from __future__ import annotations

import json

import pytest

from infra.components.encryption import KEYS
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")


def test_keys_are_primary_once_and_replicated_under_the_same_alias() -> None:
    made = stack("prod-foundation").of_type("aws:kms/key:Key")
    primaries = [key for key in made if key.name.startswith("keys-")]  # the state's own key is StateStore's
    assert {key.name for key in primaries} == {f"keys-{key_class}" for key_class in KEYS}
    assert all(k.inputs["multiRegion"] and k.inputs["enableKeyRotation"] and k.options["protect"] for k in primaries)
    standby = stack("prod-us-west-2")
    replicas = standby.of_type("aws:kms/replicaKey:ReplicaKey")
    primary_arns = stack("prod-foundation").outputs["key_arns"]
    assert {r.name.removeprefix("keys-"): r.inputs["primaryKeyArn"] for r in replicas} == primary_arns
    assert {r.region for r in replicas} == {"us-west-2"}
    names = {
        s: {a.inputs["name"] for a in stack(s).of_type("aws:kms/alias:Alias")}
        for s in ("prod-us-east-1", "prod-us-west-2")
    }
    assert (
        names["prod-us-east-1"] == names["prod-us-west-2"] == {f"alias/careslot-prod-{key_class}" for key_class in KEYS}
    )


def test_a_region_offers_the_keys_that_are_its_own() -> None:
    for name in ("prod-us-east-1", "prod-us-west-2"):
        arns = stack(name).outputs["key_arns"]
        assert set(arns) == set(KEYS)
        assert all(arn.split(":")[3] == name.removeprefix("prod-") for arn in arns.values())


def test_key_policies_let_services_act_for_this_account_only() -> None:
    made = stack("prod-foundation").of_type("aws:kms/key:Key")
    keys = [key for key in made if key.name.startswith("keys-")]
    statements = [s for key in keys for s in json.loads(key.inputs["policy"])["Statement"]]
    services = [s for s in statements if "Service" in s["Principal"]]
    assert len(services) == sum(len(use.services) for use in KEYS.values())
    assert all("333344445555" in json.dumps(s["Condition"]) for s in services)
