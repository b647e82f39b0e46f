"""Regions apart: none needs another to serve, the standby can be deployed alone, and a pair agrees in its names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pulumi
import pulumi_aws as aws
import pytest

from environments.model import load_environment
from infra.recording.crossing import MEANT, crossings
from infra.recording.graph import MARK, OURS, Resource, texts
from infra.stacks import Stack, all_stacks
from tests.fixtures.estate import in_a_box, recorded, resolved, rules, stack

pytestmark = pytest.mark.xdist_group("estate")
PAIR = ("prod-us-east-1", "prod-us-west-2")
NAMES = ("bucket", "clusterIdentifier", "globalClusterIdentifier", "identifier", "name", "roleName")


def test_no_region_names_another_at_run_time() -> None:
    for one in all_stacks():
        assert not list(crossings(recorded(one.environment)[one.name].resolved))


@pytest.mark.parametrize(
    "make",
    [
        lambda box: aws.sns.Topic(
            "other", kms_master_key_id="arn:aws:kms:us-east-2:111122223333:key/abc", opts=box.child()
        ),
        lambda box: aws.iam.RolePolicy(
            "other",
            role="somebody",
            policy='{"Statement": [{"Resource": "arn:aws:sqs:us-west-2:111122223333:queue"}]}',
            opts=box.child(),
        ),
        lambda box: aws.ssm.Parameter(
            "other", type="String", value="https://sqs.eu-central-1.amazonaws.com/1/queue", opts=box.child()
        ),
    ],
)
def test_an_arn_or_endpoint_typed_by_hand_is_caught_with_file_and_line(make: object) -> None:
    assert callable(make)
    fault = rules(in_a_box(make))["cross-region"]
    assert fault.resource == "other"
    assert "us-east-1 must work without it" in fault.what
    file, _, line = fault.place.partition(":")
    assert file == "tests/infra/test_estate_regions.py"
    assert int(line) > 0


def test_what_is_meant_to_name_another_region_does() -> None:
    seen = {resource.type for name in PAIR for resource in stack(name).resources}
    assert {type_ for type_, _ in MEANT} <= seen


def test_the_standby_is_deployed_alone() -> None:
    assert Stack.parse("prod-us-west-2").reads == (Stack.parse("prod-foundation"),)
    alone = resolved(load_environment("prod"), "prod-us-west-2")
    assert alone == {"prod-us-west-2": stack("prod-us-west-2")}
    there = {resource.mark for resource in stack("prod-us-east-1").resources}
    assert not [resource.name for resource in stack("prod-us-west-2").resources if resource.marks & there]


def test_nothing_reads_what_joins_the_regions() -> None:
    assert not [s.name for s in all_stacks() if any(below.layer == "routing" for below in s.reads)]


def named(resource: Resource, region: str) -> Mapping[str, str]:
    """Return the physical names we gave a resource; what is global or shared by all of AWS ends in its region."""
    given = {key: str(resource.inputs[key]) for key in NAMES if key in resource.inputs}
    return {key: name.replace(region, "<region>") for key, name in given.items() if not MARK.search(name)}


def test_a_pair_agrees_in_every_name() -> None:
    primary, standby = (
        {(r.type, r.name): named(r, stack(name).region) for r in stack(name).resources if not r.type.startswith(OURS)}
        for name in PAIR
    )
    common = primary.keys() & standby.keys()
    assert {key: primary[key] for key in common} == {key: standby[key] for key in common}
    assert len([key for key in common if primary[key]]) > 20


def test_secrets_and_databases_are_joined_over_both_regions() -> None:
    routing = stack("prod-routing")
    secrets = routing.of_type("aws:secretsmanager/secret:Secret")
    keys = {region: stack(f"prod-{region}").outputs["key_arns"]["phi"] for region in ("us-east-1", "us-west-2")}
    for secret in secrets:
        assert secret.inputs["kmsKeyId"] == keys["us-east-1"]
        assert secret.inputs["replicas"] == [{"region": "us-west-2", "kmsKeyId": keys["us-west-2"]}]
    globals_ = stack("prod-foundation").outputs["global_databases"]
    for name in PAIR:
        clusters = stack(name).of_type("aws:rds/cluster:Cluster")
        assert {c.inputs["globalClusterIdentifier"] for c in clusters} == set(globals_.values())


def foreign(environment: str) -> Iterator[str]:
    """Yield what an environment says of another: its name within ours, or its account."""
    others = [load_environment(name) for name in ("dev", "staging", "prod") if name != environment]
    for recording in recorded(environment).values():
        for resource in recording.resolved.resources:
            for path, text in texts(resource.inputs):
                if any(f"careslot-{other.name}" in text or other.account in text for other in others):
                    yield f"{resource.place}: {resource.name}.{path}: {text}"


def test_an_environment_knows_no_other() -> None:
    assert [list(foreign(name)) for name in ("dev", "staging", "prod")] == [[], [], []]


def test_unknown_outputs_hide_nothing() -> None:
    for environment in ("dev", "prod"):
        for recording in recorded(environment).values():
            known, unknown = recording.resolved.by_urn, recording.unresolved.by_urn
            assert known.keys() == unknown.keys()
            assert {urn: r.tags for urn, r in known.items()} == {urn: r.tags for urn, r in unknown.items()}
            assert {urn: r.options for urn, r in known.items()} == {urn: r.options for urn, r in unknown.items()}


def test_a_reference_to_nothing_in_the_other_region_is_a_fault_too() -> None:
    def make(box: pulumi.Resource) -> None:
        aws.sqs.Queue("lost", kms_master_key_id="key-rec-000000000000", opts=box.child())  # type: ignore[attr-defined]

    assert "dangling-reference" in rules(in_a_box(make))
