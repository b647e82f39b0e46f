"""How edge services run: behind the way in, by Express Mode, or, if they are public, on App Runner."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from ipaddress import IPv4Network
from typing import Any

import pulumi_aws as aws
import pytest

from environments.model import Edge, Environment
from infra.components.base import Scope
from infra.components.edge import EdgeCluster, EdgeClusterArgs, EdgeService, EdgeServiceArgs
from infra.components.entrance import Entrance, EntranceArgs
from infra.components.express import ExpressService, ExpressServiceArgs
from infra.components.public_finder import PublicFinder, PublicFinderArgs
from infra.components.task import TaskArgs
from infra.recording.exposure import exposed
from infra.recording.graph import Graph, Recording, Resource
from services.contracts.catalogue import Service, load_catalogue
from services.kernel.errors import Invalid
from tests.fixtures.estate import planted
from tests.infra.test_permissions import ARNS

pytestmark = pytest.mark.xdist_group("estate")
CIDR = IPv4Network("10.16.0.0/16")
SERVICES = load_catalogue()
PORTAL = SERVICES["portal"]
FINDER = PORTAL.model_copy(
    update={
        "name": "finder",
        "data_class": "public",
        "secrets": (),
        "calls": ("availability",),
        "runs_on": "app-runner",
    }
)
SETTINGS = Edge(releases={"portal": "1.2.3", "finder": "sha256:" + "ab" * 32})
REPOSITORY = "111122223333.dkr.ecr.us-east-1.amazonaws.com/careslot/"


def task(service: Service = PORTAL, settings: Edge = SETTINGS) -> TaskArgs:
    """Return a task of a service, with made-up surroundings."""
    return TaskArgs(
        service=service,
        settings=settings,
        repository_url=REPOSITORY + service.name,
        repository_arn=f"arn:aws:ecr:us-east-1:111122223333:repository/careslot/{service.name}",
        environment={"CARESLOT_BOOKING_URL": "https://services.example/booking"},
        arns=ARNS,
        logs_key_arn="arn:aws:kms:us-east-1:111122223333:key/logs",
        logs_days=90,
        cluster_arn="arn:aws:ecs:us-east-1:111122223333:cluster/edge",
        cluster_name="edge",
        vpc_id="vpc-1",
        subnet_ids=["subnet-1", "subnet-2"],
        cidr=CIDR,
    )


def recorded(declare: Callable[[Scope], object]) -> Recording:
    """Record what ``declare`` makes in dev."""

    def program(environment: Environment) -> None:
        declare(Scope(environment, "us-east-1", (aws.Provider("aws", region="us-east-1"),)))

    return planted(program)


@cache
def fargate() -> Recording:
    """Record the portal behind a way in."""

    def declare(scope: Scope) -> None:
        EdgeCluster("edge", scope, EdgeClusterArgs("arn:aws:kms:us-east-1:111122223333:key/sessions"))
        args = EntranceArgs("services.example", "zone-1", "vpc-1", ["subnet-1"], CIDR, SERVICES, "logs")
        entrance = Entrance("entrance", scope, args)
        EdgeService(
            "edge-portal",
            scope,
            EdgeServiceArgs(task(), entrance.target_group_arns["portal"], entrance.security_group_id),
        )

    return recorded(declare)


@cache
def express() -> Recording:
    """Record the portal in Express Mode."""
    return recorded(lambda scope: ExpressService("edge-portal", scope, ExpressServiceArgs(task())))


def finder(service: Service = FINDER) -> Callable[[Scope], object]:
    """Declare a service on App Runner."""
    repository = ("https://repository", "arn:aws:ecr:us-east-1:111122223333:repository/careslot/finder")
    key = "arn:aws:kms:us-east-1:111122223333:key/internal"
    return lambda scope: PublicFinder("finder", scope, PublicFinderArgs(service, SETTINGS, *repository, {}, key))


@cache
def app_runner() -> Recording:
    """Record the finder on App Runner."""
    return recorded(finder())


def one(graph: Graph, type_: str) -> Resource:
    """Return the only resource of a type."""
    (found,) = graph.of_type(type_)
    return found


def statements(graph: Graph, role: str) -> list[dict[str, Any]]:
    """Return what the role of a logical name may do."""
    policies = [p for p in graph.of_type("aws:iam/rolePolicy:RolePolicy") if p.name == role]
    return [statement for policy in policies for statement in json.loads(policy.inputs["policy"])["Statement"]]


@pytest.mark.parametrize("recording", [fargate, express, app_runner], ids=lambda made: made.__wrapped__.__name__)
def test_every_way_of_running_is_without_fault_and_allows_nobody_everything(
    recording: Callable[[], Recording],
) -> None:
    assert not recording().faults
    for policy in recording().resolved.of_type("aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            assert "*" not in statement["Resource"]
            assert not [action for action in statement["Action"] if action.endswith("*")]


def test_tasks_have_no_public_address_and_one_caller() -> None:
    graph = fargate().resolved
    assert not list(exposed(graph))
    service = one(graph, "aws:ecs/service:Service")
    assert service.inputs["networkConfiguration"]["assignPublicIp"] is False
    assert service.inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service.inputs["enableExecuteCommand"] is False
    entrance = next(g for g in graph.of_type("aws:ec2/securityGroup:SecurityGroup") if g.name == "entrance")
    (inward,) = [
        r for r in graph.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") if r.name == "edge-portal"
    ]
    assert entrance.mark in inward.inputs["referencedSecurityGroupId"]
    assert inward.inputs["fromPort"] == inward.inputs["toPort"] == PORTAL.port


def test_a_container_runs_as_nobody_on_a_read_only_disk_and_is_handed_its_secrets() -> None:
    definition = one(fargate().resolved, "aws:ecs/taskDefinition:TaskDefinition")
    (container,) = json.loads(definition.inputs["containerDefinitions"])
    assert container["image"] == REPOSITORY + "portal:1.2.3"
    assert (container["user"], container["readonlyRootFilesystem"]) == ("10001:10001", True)
    assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    environment = {pair["name"]: pair["value"] for pair in container["environment"]}
    assert environment["CARESLOT_PORT"] == str(PORTAL.port)
    assert environment["CARESLOT_BOOKING_URL"] == "https://services.example/booking"
    (secret,) = container["secrets"]
    assert secret["name"] == "CARESLOT_SESSION_KEYS"
    assert secret["valueFrom"].endswith(":secret:careslot-dev-portal-session-keys")
    assert "CARESLOT_SESSION_KEYS" not in environment


def test_ecs_reads_the_secrets_and_the_task_cannot() -> None:
    graph = fargate().resolved
    execution = {s["Sid"]: s for s in statements(graph, "edge-portal-task-execution")}
    assert set(execution) == {"PullOwnImage", "WriteOwnLogs", "ReadOwnSecrets", "OpenOwnSecrets"}
    assert not statements(graph, "edge-portal-task")
    trusted = json.loads(
        next(r for r in graph.of_type("aws:iam/role:Role") if r.name == "edge-portal-task").inputs["assumeRolePolicy"]
    )
    assert trusted["Statement"][0]["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}


def test_tasks_are_as_many_as_the_catalogue_allows() -> None:
    graph = fargate().resolved
    target = one(graph, "aws:appautoscaling/target:Target")
    assert (target.inputs["minCapacity"], target.inputs["maxCapacity"]) == (PORTAL.scaling.min, PORTAL.scaling.max)
    assert len(graph.of_type("aws:appautoscaling/policy:Policy")) == 2
    assert one(graph, "aws:ecs/service:Service").options["ignoreChanges"] == ["desiredCount"]
    scaling = one(express().resolved, "aws:ecs/expressGatewayService:ExpressGatewayService").inputs["scalingTargets"]
    assert [(s["minTaskCount"], s["maxTaskCount"]) for s in scaling] == [(PORTAL.scaling.min, PORTAL.scaling.max)]


def test_the_way_in_is_internal_speaks_tls_and_knows_every_service_by_its_name() -> None:
    graph = fargate().resolved
    balancer = one(graph, "aws:lb/loadBalancer:LoadBalancer").inputs
    assert (balancer["internal"], balancer["dropInvalidHeaderFields"]) == (True, True)
    listener = one(graph, "aws:lb/listener:Listener").inputs
    logs = balancer["accessLogs"]
    assert (logs["enabled"], logs["bucket"]) == (True, "logs")
    assert (listener["protocol"], listener["port"]) == ("HTTPS", 443)
    assert "TLS13" in listener["sslPolicy"]
    assert listener["defaultActions"][0]["fixedResponse"]["statusCode"] == "404"
    rules = graph.of_type("aws:lb/listenerRule:ListenerRule")
    assert {r.tags["service"] for r in rules} == set(SERVICES)
    assert len({r.inputs["priority"] for r in rules}) == len(SERVICES)
    rewrites = {r.tags["service"]: r.inputs["transforms"][0]["urlRewriteConfig"]["rewrite"] for r in rules}
    assert rewrites["booking"] == {"regex": "^/booking/?(.*)$", "replace": "/$1"}
    groups = {g.tags["service"]: g.inputs for g in graph.of_type("aws:lb/targetGroup:TargetGroup")}
    assert {name: group["port"] for name, group in groups.items()} == {s.name: s.port for s in SERVICES.values()}
    assert all(group["healthCheck"]["path"] == "/readyz" for group in groups.values())
    assert all(len(group["name"]) <= 32 for group in groups.values())


def test_a_way_in_that_is_opened_to_the_internet_is_told() -> None:
    args = EntranceArgs("x.example", "zone-1", "vpc-1", ["subnet-1"], CIDR, {}, open_to_internet=True)
    graph = recorded(lambda scope: Entrance("entrance", scope, args)).resolved
    assert [how for _, how in exposed(graph)] == ["a load balancer on the internet"]


def test_express_mode_gets_the_same_task_in_private_subnets() -> None:
    graph = express().resolved
    service = one(graph, "aws:ecs/expressGatewayService:ExpressGatewayService").inputs
    assert service["primaryContainer"]["image"] == REPOSITORY + "portal:1.2.3"
    assert [secret["name"] for secret in service["primaryContainer"]["secrets"]] == ["CARESLOT_SESSION_KEYS"]
    assert service["networkConfigurations"][0]["subnets"] == ["subnet-1", "subnet-2"]
    assert not graph.of_type("aws:lb/loadBalancer:LoadBalancer")


def test_app_runner_runs_an_image_by_digest_with_a_role_that_may_do_nothing() -> None:
    graph = app_runner().resolved
    service = one(graph, "aws:apprunner/service:Service")
    assert service.data_class == "public"
    source = service.inputs["sourceConfiguration"]
    assert source["imageRepository"]["imageIdentifier"].endswith("@sha256:" + "ab" * 32)
    assert source["autoDeploymentsEnabled"] is False
    assert "egressConfiguration" not in service.inputs.get("networkConfiguration", {})
    assert not statements(graph, "finder")
    assert [how for _, how in exposed(graph)] == ["a service with a public address"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data_class": "phi"}, "its data class is phi"),
        ({"secrets": ("session-keys",)}, "it has secrets"),
        ({"database": SERVICES["booking"].database}, "it has a database"),
        ({"uses": ("user-accounts",)}, "it uses AWS"),
    ],
)
def test_app_runner_takes_nothing_that_leads_to_phi(changes: dict[str, object], told: str) -> None:
    with pytest.raises(Invalid, match=f"finder may not run on App Runner: {told}"):
        recorded(finder(FINDER.model_copy(update=changes)))


def test_a_service_without_a_release_is_told_where_to_name_one() -> None:
    args = ExpressServiceArgs(task(settings=Edge()))
    with pytest.raises(Invalid, match=r"environments/dev\.yaml:edge\.releases\.portal: missing"):
        recorded(partial(_express, args))


def test_a_secret_whose_name_ends_like_an_arn_is_refused() -> None:
    service = PORTAL.model_copy(update={"secrets": ("client-secret",)})
    with pytest.raises(Invalid, match="portal: client-secret: by ARN"):
        recorded(partial(_express, ExpressServiceArgs(task(service))))


def _express(args: ExpressServiceArgs, scope: Scope) -> None:
    ExpressService("edge-portal", scope, args)


def test_a_service_with_a_database_may_reach_it_and_no_other_port() -> None:
    service = SERVICES["audit"].model_copy(update={"runs_on": "fargate"})
    settings = Edge(releases={"audit": "1.0.0"})
    made = recorded(partial(_express, ExpressServiceArgs(task(service, settings)))).resolved
    rules = made.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    assert {(r.inputs["toPort"], r.inputs["cidrIpv4"]) for r in rules} == {(443, "0.0.0.0/0"), (5432, str(CIDR))}
    assert {"TakeFromOwnQueues", "SignInToOwnDatabase"} <= {s["Sid"] for s in statements(made, "edge-portal-task")}
