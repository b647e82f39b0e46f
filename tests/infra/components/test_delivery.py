"""Who deploys, where images and state are kept, and what it may cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pulumi_aws as aws
import pytest

from environments.model import GitHub, load_environment
from infra.components.base import Scope
from infra.components.budgets import Spending, SpendingArgs
from infra.components.delivery import ISSUER, Delivery, DeliveryArgs, subjects
from infra.components.registry import Registry, RegistryArgs
from infra.components.state import StateStore
from infra.recording.graph import Graph, Recording, Resource
from infra.recording.record import record_environment
from infra.stacks import Stack
from pipelines.engine import state_address

pytestmark = pytest.mark.xdist_group("estate")
PROD = load_environment("prod")


def recorded(declare: Callable[[Scope], object]) -> Recording:
    """Record what ``declare`` makes as if it were prod's foundation."""
    foundation = Stack("prod", "foundation")

    def program(stack: Stack, _: object) -> None:
        if stack == foundation:
            declare(Scope(PROD, "us-east-1", (aws.Provider("aws", region="us-east-1"),)))

    return record_environment(PROD, [foundation], program)["prod-foundation"]


@cache
def foundation() -> Recording:
    """Record everything of this module's."""

    def declare(scope: Scope) -> None:
        state = StateStore("state", scope)
        arns = [bucket.arn for bucket in state.buckets.values()]
        Delivery("delivery", scope, DeliveryArgs(PROD.github, arns, list(state.keys.values())))
        Spending("spending", scope, SpendingArgs(PROD.budget))
        Registry("images", scope, RegistryArgs(["booking", "portal"], "arn:aws:kms:us-east-1:1:key/k", ["us-west-2"]))

    return recorded(declare)


def graph() -> Graph:
    """Return its resolved graph."""
    assert not foundation().faults
    return foundation().resolved


def statements(resource: Resource, key: str = "policy") -> list[dict[str, Any]]:
    """Return the statements of a policy document."""
    found: list[dict[str, Any]] = json.loads(resource.inputs[key])["Statement"]
    return found


def policies() -> dict[str, list[dict[str, Any]]]:
    """Return what roles may do, by their logical names."""
    return {policy.name: statements(policy) for policy in graph().of_type("aws:iam/rolePolicy:RolePolicy")}


def test_subjects_have_both_forms_when_ids_are_known() -> None:
    names_only = GitHub(repository="owner/name")
    assert subjects(names_only, "prod") == ["repo:owner/name:environment:prod"]
    both = GitHub(repository="owner/name", owner_id=1, repository_id=2)
    assert subjects(both, "prod") == ["repo:owner/name:environment:prod", "repo:owner@1/name@2:environment:prod"]


def test_each_pipeline_is_trusted_in_its_own_github_environment_alone() -> None:
    roles = {r.name: r for r in graph().of_type("aws:iam/role:Role") if r.name.startswith("delivery-")}
    assert set(roles) == {"delivery-deploy", "delivery-preview", "delivery-publish"}
    for name, ending in (("deploy", "prod"), ("preview", "prod-preview"), ("publish", "prod-images")):
        (statement,) = statements(roles[f"delivery-{name}"], "assumeRolePolicy")
        condition = statement["Condition"]["StringEquals"]
        assert condition[f"{ISSUER}:aud"] == "sts.amazonaws.com"
        assert condition[f"{ISSUER}:sub"] == subjects(PROD.github, ending)
        assert not [subject for subject in condition[f"{ISSUER}:sub"] if "*" in subject]


def test_deploying_manages_roles_of_this_environment_and_no_others() -> None:
    own = next(s for s in policies()["delivery-deploy"] if s["Sid"] == "OwnRoles")
    assert own["Resource"] == [
        "arn:aws:iam::333344445555:policy/careslot-prod-*",
        "arn:aws:iam::333344445555:role/careslot-prod-*",
    ]
    attached = {
        (a.name.split("-")[1], a.inputs["policyArn"].rpartition("/")[2])
        for a in graph().of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    }
    assert ("deploy", "PowerUserAccess") in attached
    assert not [
        policy for _, policy in attached if policy in {"AdministratorAccess", "IAMFullAccess", "ReadOnlyAccess"}
    ]


def test_previewing_reads_state_and_writes_nothing() -> None:
    allowed = {action for s in policies()["delivery-preview"] for action in s["Action"]}
    state = {"s3:ListBucket", "s3:GetObject", "kms:Decrypt"}
    watching = {action for action in allowed if action.startswith(("aps:Query", "arc-region-switch:"))}
    assert allowed == state | watching
    assert all(action.partition(":")[2].startswith(("Query", "Get", "List")) for action in watching)
    deploying = {action for s in policies()["delivery-deploy"] for action in s["Action"]}
    assert {"s3:PutObject", "s3:DeleteObject", "kms:Encrypt", "iam:PassRole"} <= deploying


def test_no_role_of_the_pipelines_or_of_s3_allows_everything() -> None:
    for found in policies().values():
        for statement in found:
            # Whoever asks which plans there are can name none.
            listing = statement["Action"] == ["arc-region-switch:ListPlansInRegion"]
            assert listing or "*" not in statement["Resource"]
            assert not [action for action in statement["Action"] if "*" in action]


def test_images_never_change_are_scanned_encrypted_and_copied() -> None:
    repositories = graph().of_type("aws:ecr/repository:Repository")
    assert {r.inputs["name"] for r in repositories} == {"careslot/booking", "careslot/portal"}
    for repository in repositories:
        assert repository.inputs["imageTagMutability"] == "IMMUTABLE"
        assert repository.inputs["encryptionConfigurations"][0]["encryptionType"] == "KMS"
        assert repository.inputs["imageScanningConfiguration"]["scanOnPush"] is True
        assert repository.options["protect"] is True
    (scanning,) = graph().of_type("aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration")
    assert scanning.inputs["rules"][0]["scanFrequency"] == "CONTINUOUS_SCAN"
    (copies,) = graph().of_type("aws:ecr/replicationConfiguration:ReplicationConfiguration")
    (rule,) = copies.inputs["replicationConfiguration"]["rules"]
    assert [(to["region"], to["registryId"]) for to in rule["destinations"]] == [("us-west-2", "333344445555")]


def test_state_is_in_every_region_under_the_address_and_the_key_that_stacks_name() -> None:
    buckets = {b.region: b for b in graph().of_type("aws:s3/bucket:Bucket")}
    aliases = {a.region: a.inputs["name"] for a in graph().of_type("aws:kms/alias:Alias")}
    assert set(buckets) == set(aliases) == set(PROD.regions)
    for region, bucket in buckets.items():
        assert bucket.inputs["bucket"] in state_address(PROD, region)
        assert aliases[region] == "alias/careslot-prod-state"
        assert bucket.options["protect"] is True
    blocks = graph().of_type("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    assert {block.region for block in blocks} == set(PROD.regions)
    assert len(graph().of_type("aws:s3/bucketVersioning:BucketVersioning")) == len(PROD.regions)


def test_each_region_keeps_its_state_under_its_own_key_and_copies_it_to_the_other() -> None:
    made = graph()
    buckets = {b.region: b for b in made.of_type("aws:s3/bucket:Bucket")}
    rules = {c.region: c for c in made.of_type("aws:s3/bucketReplicationConfig:BucketReplicationConfig")}
    assert set(rules) == set(PROD.regions)
    for region, config in rules.items():
        (other,) = set(PROD.regions) - {region}
        (rule,) = config.inputs["rules"]
        assert buckets[other].mark in rule["destination"]["bucket"]
        key = made.by_mark[
            next(m for m in made.by_mark if m in rule["destination"]["encryptionConfiguration"]["replicaKmsKeyId"])
        ]
        assert key.region == other
        role = next(s for s in policies() if s == f"state-{region}-copies")
        may = {s["Sid"]: s for s in policies()[role]}
        assert all(buckets[other].mark in resource for resource in may["Write"]["Resource"])
        assert all(buckets[region].mark in resource for resource in may["Read"]["Resource"])


def test_an_environment_of_one_region_has_nothing_to_copy() -> None:
    dev = load_environment("dev")

    def program(stack: Stack, _: object) -> None:
        if stack.layer == "foundation":
            StateStore("state", Scope(dev, "us-east-1", (aws.Provider("aws", region="us-east-1"),)))

    made = record_environment(dev, [Stack("dev", "foundation")], program)["dev-foundation"].resolved
    assert len(made.of_type("aws:s3/bucket:Bucket")) == 1
    assert not made.of_type("aws:s3/bucketReplicationConfig:BucketReplicationConfig", "aws:kms/replicaKey:ReplicaKey")


def test_people_hear_of_the_budget_before_it_is_spent_and_of_jumps() -> None:
    (budget,) = graph().of_type("aws:budgets/budget:Budget")
    assert (budget.inputs["limitAmount"], budget.inputs["timeUnit"]) == (str(PROD.budget.monthly_usd), "MONTHLY")
    told = {(n["notificationType"], n["threshold"]) for n in budget.inputs["notifications"]}
    assert ("FORECASTED", 100) in told
    assert min(threshold for _, threshold in told) < 100
    assert all(n["subscriberEmailAddresses"] == list(PROD.budget.notify) for n in budget.inputs["notifications"])
    (jumps,) = graph().of_type("aws:costexplorer/anomalySubscription:AnomalySubscription")
    assert jumps.inputs["thresholdExpression"]["dimension"]["values"] == ["1500"]
