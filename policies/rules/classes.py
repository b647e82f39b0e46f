"""What data a resource holds is written on it, and decides where it may be."""

from __future__ import annotations

from collections.abc import Iterator

from infra.recording.graph import PROVIDERS
from policies.eligibility import CLASSES, load_eligibility
from policies.rules.judging import STACK, Book
from policies.rules.reading import CannotTell, Node, View

BOOK = Book()
RULES = BOOK.rules
TAGS = ("data-class", "environment", "managed-by", "owner", "service")
# What holds data or lets it through: every resource type with tags that the estate uses for that.
TAGGED = (
    "aws:apigateway/restApi:RestApi", "aws:apprunner/service:Service", "aws:backup/vault:Vault",
    "aws:cloudtrail/trail:Trail", "aws:cloudwatch/eventBus:EventBus", "aws:cloudwatch/logGroup:LogGroup",
    "aws:cognito/userPool:UserPool", "aws:dynamodb/table:Table", "aws:ec2/vpc:Vpc", "aws:ecr/repository:Repository",
    "aws:ecs/service:Service", "aws:ecs/taskDefinition:TaskDefinition", "aws:efs/fileSystem:FileSystem",
    "aws:iam/role:Role", "aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey", "aws:lambda/function:Function",
    "aws:lb/loadBalancer:LoadBalancer", "aws:rds/cluster:Cluster", "aws:rds/clusterInstance:ClusterInstance",
    "aws:s3/bucket:Bucket", "aws:scheduler/scheduleGroup:ScheduleGroup", "aws:secretsmanager/secret:Secret",
    "aws:sns/topic:Topic", "aws:sqs/queue:Queue", "eks:index:Cluster",
)  # fmt: skip


@BOOK.rule(
    "tags-complete", "What holds data says which class, whose it is and where it belongs", *TAGGED,
    remedy="Make it inside a component (infra/components/base.py tags it).",
)  # fmt: skip
def _complete(resource: View) -> Iterator[str]:
    tags = resource["tags"] or {}
    missing = [tag for tag in TAGS if not tags.get(tag)]
    if missing:
        yield f"has no tag {', '.join(missing)}"
    if tags.get("data-class", CLASSES[0]) not in CLASSES:
        yield f"is tagged {tags['data-class']}, which is none of {', '.join(CLASSES)}"
    if tags.get("environment", resource.environment) != resource.environment:
        yield f"is tagged {tags['environment']} in a stack of {resource.environment}"


@BOOK.rule(
    "service-eligible", "AWS services hold only data they may: PHI only where AWS's agreement covers it", STACK,
    scope="stack",
    remedy="Use a service of the register (policies/eligibility.yaml), or take the PHI out and tag it so.",
)  # fmt: skip
def _eligible(stack: View) -> Iterator[str]:
    register = load_eligibility()
    waiting: CannotTell | None = None
    for resource in stack.graph.resources:
        if resource.component or resource.read or not resource.type.startswith("aws:"):
            continue
        if Node(resource.inputs).at("tags").unknown:
            waiting = CannotTell(f"{resource.name}.tags")
        service = register.service_of(resource.type)
        if service is None:
            yield f"{resource.name} ({resource.place}): {resource.type} is in no register of eligible services"
        elif resource.data_class in CLASSES and CLASSES.index(resource.data_class) > CLASSES.index(service.data):
            yield f"{resource.name} ({resource.place}): {service.name} may hold {service.data} data at most"
    if waiting is not None:
        raise waiting


@BOOK.rule(
    "environments-apart", "An environment's resources are made in its own account", "pulumi:providers:aws",
    remedy="Set allowed_account_ids of the provider to the environment's account (infra/assembly.py).",
)  # fmt: skip
def _apart(provider: View) -> Iterator[str]:
    if not provider.type.startswith(PROVIDERS) or not provider["allowedAccountIds"]:
        yield "whoever's shell it runs in decides the account"
