"""What runs services, in the stacks as they are: each service one way, and gitops told of its own region only."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from rich.console import Console

from environments.model import Edge, load_environment
from infra.components.base import Scope
from infra.components.gitops_bridge import GROUP, annotation_names
from infra.compute import behind_entrance, way_of
from infra.recording.graph import Recording
from infra.recording.record import run
from infra.stacks import Stack
from pipelines import preview
from services.contracts.catalogue import load_catalogue
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")
SERVICES = load_catalogue()
INSIDE = {name for name, service in SERVICES.items() if service.runs_on == "eks"}
FINDER = SERVICES["finder"]


def scope(**edge: bool) -> Scope:
    """Return dev with other settings of its edge."""
    return Scope(load_environment("dev").model_copy(update={"edge": Edge.model_validate(edge)}), "us-east-1", ())


@pytest.mark.parametrize(
    ("edge", "portal", "finder"),
    [
        ({}, "fargate", "fargate"),
        ({"app_runner": True}, "fargate", "app-runner"),
        ({"express_mode": True}, "express", "express"),
        ({"express_mode": True, "app_runner": True}, "express", "app-runner"),
    ],
)
def test_settings_say_how_an_edge_service_runs(edge: dict[str, bool], portal: str, finder: str) -> None:
    where = scope(**edge)
    assert (way_of(where, SERVICES["portal"]), way_of(where, FINDER)) == (portal, finder)
    assert way_of(where, SERVICES["booking"]) == "cluster"
    led_to = set(behind_entrance(where, SERVICES))
    assert led_to == INSIDE | {n for n, way in (("portal", portal), ("finder", finder)) if way == "fargate"}


def test_the_settings_show_app_runner_and_express_mode_in_a_preview() -> None:
    dev = load_environment("dev")
    edge = dev.edge.model_copy(update={"app_runner": True, "express_mode": True})
    published = {"dev-foundation": stack("dev-foundation").outputs}
    graph = run(Stack.parse("dev-us-east-1"), dev.model_copy(update={"edge": edge}), published, known=True)
    out = StringIO()
    preview.show([Recording(graph, graph)], Console(file=out, width=preview.WIDE))
    shown = out.getvalue()
    assert "aws:apprunner/service:Service" in shown
    assert "aws:ecs/expressGatewayService:ExpressGatewayService" in shown
    (running,) = graph.of_type("aws:apprunner/service:Service")
    image = running.inputs["sourceConfiguration"]["imageRepository"]
    assert image["imageIdentifier"].endswith(":0.1.0")
    assert image["imageConfiguration"]["port"] == str(FINDER.port)
    assert image["imageConfiguration"]["runtimeEnvironmentVariables"] == {
        "CARESLOT_HOST": "0.0.0.0",
        "CARESLOT_PORT": str(FINDER.port),
        "CARESLOT_DIRECTORY_URL": "https://api.dev.careslot.example/directory",
        "CARESLOT_AVAILABILITY_URL": "https://api.dev.careslot.example/availability",
        "CARESLOT_PORTAL_ADDRESS": "https://api.dev.careslot.example/portal",
    }
    assert not [task for task in graph.of_type("aws:ecs/service:Service") if task.tags["service"] == "finder"]
    assert not [group for group in graph.of_type("aws:lb/targetGroup:TargetGroup") if group.tags["service"] == "finder"]


def test_the_finder_runs_on_fargate_where_nothing_is_said_and_gets_no_token_nor_right() -> None:
    graph = stack("dev-us-east-1")
    assert not graph.of_type("aws:apprunner/service:Service")
    definitions = {d.tags["service"]: d for d in graph.of_type("aws:ecs/taskDefinition:TaskDefinition")}
    (container,) = json.loads(definitions["finder"].inputs["containerDefinitions"])
    told = {pair["name"]: pair["value"] for pair in container["environment"]}
    assert told["CARESLOT_PUBLIC_ADDRESS"] == "https://api.dev.careslot.example/finder"
    assert not [name for name in told if "TOKEN" in name]
    assert not container.get("secrets")


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_every_service_runs_one_way_in_every_region(region: str) -> None:
    graph = stack(f"prod-{region}")
    pods = {r.tags["service"] for r in graph.of_type("aws:iam/role:Role") if r.name.startswith("workloads-")}
    tasks = {r.tags["service"] for r in graph.of_type("aws:ecs/service:Service")}
    assert pods - {"platform"} == INSIDE
    assert tasks == set(SERVICES) - INSIDE
    images = {r.inputs["name"] for r in graph.of_type("aws:ecr/repository:Repository")}
    assert images == {f"careslot/{name}" for name in SERVICES}
    copies = graph.of_type("aws:ecr/replicationConfiguration:ReplicationConfiguration")
    assert len(copies) == (1 if region == "us-east-1" else 0)


def test_tasks_are_told_where_they_are_and_whom_they_call() -> None:
    definitions = stack("prod-us-west-2").of_type("aws:ecs/taskDefinition:TaskDefinition")
    (definition,) = [one for one in definitions if one.tags["service"] == "portal"]
    (container,) = json.loads(definition.inputs["containerDefinitions"])
    told = {pair["name"]: pair["value"] for pair in container["environment"]}
    for callee in SERVICES["portal"].calls:
        assert told[f"CARESLOT_{callee.upper()}_URL"] == f"https://services.us-west-2.careslot.example/{callee}"
    assert told["CARESLOT_TOKEN_ISSUER"].startswith("https://cognito-idp.us-west-2.amazonaws.com/")
    assert told["CARESLOT_TOKEN_JWKS_URL"] == told["CARESLOT_TOKEN_ISSUER"] + "/.well-known/jwks.json"
    assert told["CARESLOT_PORTAL_CLIENT_ID"] in told["CARESLOT_TOKEN_AUDIENCES"].split()


def test_the_bridge_tells_what_the_region_has_and_nothing_of_the_other() -> None:
    region = stack("prod-us-west-2")
    (secret,) = stack("prod-us-west-2-cluster").of_type("kubernetes:core/v1:Secret")
    facts = {key.removeprefix(f"{GROUP}/"): value for key, value in secret.inputs["metadata"]["annotations"].items()}
    assert set(facts) == annotation_names(INSIDE, ["booking", "shared"])
    assert not [key for key, value in facts.items() if "us-east-1" in value]
    roles = {r.tags["service"]: r for r in region.of_type("aws:iam/role:Role") if r.name.startswith("workloads-")}
    groups = {g.tags["service"]: g for g in region.of_type("aws:lb/targetGroup:TargetGroup")}
    for name in INSIDE:
        assert roles[name].mark in facts[f"role-arn.{name}"]
        assert groups[name].mark in facts[f"target-group-arn.{name}"]
    (control_plane,) = region.of_type("eks:index:Cluster")
    assert facts["cluster"] == control_plane.inputs["name"]


def test_the_cluster_stack_reaches_its_own_regions_cluster_by_a_provider_of_its_own() -> None:
    graph = stack("prod-us-west-2-cluster")
    (provider,) = graph.of_type("pulumi:providers:kubernetes")
    (control_plane,) = stack("prod-us-west-2").of_type("eks:index:Cluster")
    assert control_plane.mark in provider.inputs["kubeconfig"]
    inside = [r for r in graph.resources if r.type.startswith("kubernetes:")]
    assert len(inside) >= 5
    assert all(provider.urn in r.provider for r in inside)


def test_no_role_of_the_estate_that_services_take_allows_everything() -> None:
    trusted = ("ecs-tasks.amazonaws.com", "pods.eks.amazonaws.com", "AssumeRoleWithWebIdentity", "apprunner")
    checked = 0
    for name in ("dev-us-east-1", "staging-us-east-1", "prod-us-east-1", "prod-us-west-2"):
        graph = stack(name)
        taken = {
            role.inputs["name"]
            for role in graph.of_type("aws:iam/role:Role")
            if any(who in role.inputs["assumeRolePolicy"] for who in trusted)
        }
        for policy in graph.of_type("aws:iam/rolePolicy:RolePolicy"):
            if policy.inputs["role"] in taken:
                for statement in json.loads(policy.inputs["policy"])["Statement"]:
                    # What only asks takes no resource (infra/recording/unsafe.py holds all of the estate to that).
                    looks = all(":Describe" in action for action in statement["Action"])
                    assert not {"*"} & {*statement.get("Resource", ()), *statement["Action"]} or looks, policy.place
                    checked += 1
    assert checked > 100
