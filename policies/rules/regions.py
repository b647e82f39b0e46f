"""Two regions: each works without the other, and the standby is what the primary is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.recording.crossing import crossings
from infra.recording.graph import MARK, UNKNOWN, texts
from policies.rules.judging import STACK, Book, paired
from policies.rules.reading import CannotTell, View

BOOK = Book()
RULES = BOOK.rules
# What the work goes on with after a failover.
NEEDED = (
    "aws:apigateway/restApi:RestApi", "aws:backup/vault:Vault", "aws:cloudwatch/eventBus:EventBus",
    "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget", "aws:cognito/userPool:UserPool",
    "aws:ecr/repository:Repository", "aws:ecs/service:Service", "aws:lambda/function:Function",
    "aws:rds/cluster:Cluster", "aws:s3/bucket:Bucket", "aws:sqs/queue:Queue", "aws:wafv2/webAcl:WebAcl",
    "eks:index:Cluster",
)  # fmt: skip
# Differs on purpose: who serves is a switch, and only the primary has a master user to set.
MEANT_TO_DIFFER = {
    "aws:cloudwatch/eventRule:EventRule": {"state"},
    "aws:ecs/service:Service": {"desiredCount"},
    "aws:rds/cluster:Cluster": {"masterPassword", "masterUsername", "replicationSourceIdentifier", "sourceRegion"},
}
HERE = ("us-east-1", "us-east-2", "us-west-1", "us-west-2")


@BOOK.rule(
    "region-stands-alone", "Nothing of a region needs another region to serve", STACK, scope="stack",
    when=lambda stack: stack.graph.layer in {"region", "cluster"},
    remedy="Use the region's own copy; what may name another region is listed in infra/recording/crossing.py.",
)  # fmt: skip
def _alone(stack: View) -> Iterator[str]:
    for resource, what in crossings(stack.graph):
        yield f"{resource.name} ({resource.place}): {what}"
    for resource in stack.graph.resources:
        for path, text in texts(resource.inputs):
            if UNKNOWN in text:
                raise CannotTell(f"{resource.name}.{path}")


@BOOK.rule(
    "data-stays-here", "Data stays in the United States", STACK, scope="stack",
    remedy="Use us-east or us-west regions: contracts and 42 CFR Part 2 notices say so.",
)  # fmt: skip
def _here(stack: View) -> Iterator[str]:
    elsewhere = {r.region for r in stack.graph.resources if r.region and r.region != UNKNOWN} - set(HERE)
    if elsewhere:
        yield f"makes something in {', '.join(sorted(elsewhere))}"


@BOOK.rule(
    "standby-has-all", "The standby has everything that work goes on with", *NEEDED, scope="environment", when=paired,
    remedy="Declare it in assembly.py for every region, not for the primary alone.",
)  # fmt: skip
def _has_all(resource: View) -> Iterator[str]:
    missing = len(resource.regions) - 1 - len(resource.twins())
    if missing:
        yield "the other region has nothing of this name"


@BOOK.rule(
    "pair-agrees", "What is in both regions is set up the same", *NEEDED, scope="environment", when=paired,
    remedy="Take the setting from the environment, not from the region; exceptions are listed with the rule.",
)  # fmt: skip
def _agrees(resource: View) -> Iterator[str]:
    skipped = MEANT_TO_DIFFER.get(resource.type, set())
    mine = _neutral(resource, skipped)
    for twin in resource.twins():
        other = _neutral(twin, skipped)
        differing = sorted(path for path in mine.keys() | other.keys() if mine.get(path) != other.get(path))
        # Not known on both sides: both come from another resource, as references do that are known.
        if hidden := [path for path in differing if UNKNOWN in {str(mine.get(path)), str(other.get(path))}]:
            raise CannotTell(hidden[0])
        if differing:
            yield f"differs from {twin.graph.region} in {', '.join(differing[:5])}"


def _neutral(view: View, skipped: set[str]) -> Mapping[str, Any]:
    """Return settings by path, with region and references taken out of them; long documents are left out."""
    region = view.graph.region
    inputs = {key: value for key, value in view.resource.inputs.items() if key not in {*skipped, "body"}}
    found: dict[str, Any] = {}
    for path, text in texts(inputs):
        plain = MARK.sub("<reference>", text).replace(region, "<region>")
        found[path] = re.sub(r"[\w-]*/?[\w-]*<reference>", "<reference>", plain)
    return {**found, **dict(_others(inputs))}


def _others(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield numbers and switches by path."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _others(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, below in enumerate(value):
            yield from _others(below, f"{path}[{index}]")
    elif not isinstance(value, str):
        yield path, value


@BOOK.rule(
    "database-in-both-regions", "Databases of an environment with two regions are global", "aws:rds/cluster:Cluster",
    scope="environment", when=paired,
    remedy="Set global_cluster_identifier to the foundation's global database.",
)  # fmt: skip
def _global(database: View) -> Iterator[str]:
    if not database.given("globalClusterIdentifier"):
        yield "is lost with its region"


@BOOK.rule(
    "secret-in-both-regions", "Secrets that both regions use are replicated, each under its own key",
    "aws:secretsmanager/secret:Secret", scope="environment",
    when=lambda secret: secret.graph.layer == "routing" and len(secret.regions) > 1,
    remedy="Set replicas with every standby region and its key for PHI.",
)  # fmt: skip
def _secrets(secret: View) -> Iterator[str]:
    replicas = {str(replica["region"]): replica.at("kmsKeyId").raw for replica in secret.each("replicas")}
    for region in secret.regions:
        if region != secret.resource.region and not replicas.get(region):
            yield f"{region} has no copy of it under a key of its own"


@BOOK.rule(
    "images-in-both-regions", "Images are there when a region has to start without the other", STACK,
    scope="environment", when=paired,
    remedy="Add an ecr.ReplicationConfiguration in the primary region.",
)  # fmt: skip
def _images(stack: View) -> Iterator[str]:
    replications = stack.elsewhere("aws:ecr/replicationConfiguration:ReplicationConfiguration")
    if not replications:
        yield "pods of the standby would pull images from the region that is down"


@BOOK.rule(
    "events-in-both-regions", "The global endpoint replicates events to the same bus of the other region",
    "aws:cloudwatch/eventEndpoint:EventEndpoint",
    remedy="Set replication_config.state ENABLED and name two buses of the same name.",
)  # fmt: skip
def _endpoint(endpoint: View) -> Iterator[str]:
    if endpoint["replicationConfig.state"] != "ENABLED":
        yield "events of the last minutes are lost when it fails over"
    names = {str(bus["eventBusArn"]).rpartition("/")[2] for bus in endpoint.each("eventBuses")}
    if len(names) > 1 or len(endpoint.each("eventBuses")) < 2:
        yield "its buses are not a pair"


@BOOK.rule(
    "switch-is-approved", "Somebody says yes before a region takes over", "aws:arcregionswitch/plan:Plan",
    remedy="Make the first step of every workflow a manual approval.",
)  # fmt: skip
def _approved(plan: View) -> Iterator[str]:
    for workflow in plan.each("workflows"):
        if "ManualApproval" not in [step["executionBlockType"] for step in workflow.each("steps")]:
            yield "a workflow starts without approval"


@BOOK.rule(
    "failover-is-planned", "An environment with two regions has a plan for changing over", STACK, scope="environment",
    when=lambda stack: stack.graph.layer == "routing" and len(stack.regions) > 1,
    remedy="Make the Region switch plan and failover records (infra/components/failover.py, region_switch.py).",
)  # fmt: skip
def _planned(stack: View) -> Iterator[str]:
    if not stack.beside("aws:arcregionswitch/plan:Plan"):
        yield "there is no Region switch plan"
    records = stack.beside("aws:route53/record:Record")
    kinds = {policy["type"] for record in records for policy in record.each("failoverRoutingPolicies")}
    if kinds != {"PRIMARY", "SECONDARY"}:
        yield "no address fails over"
