"""ECS on Fargate, App Runner, and the images they run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from policies.rules.judging import Book
from policies.rules.reading import CannotTell, Node, View, across

BOOK = Book()
RULES = BOOK.rules
TASK = "aws:ecs/taskDefinition:TaskDefinition"
SERVICE = "aws:ecs/service:Service"
RUNNER = "aws:apprunner/service:Service"
REPOSITORY = "aws:ecr/repository:Repository"
SECRET = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE_KEY|API_?KEY)S?$", re.IGNORECASE)


def containers(task: View) -> list[Node]:
    """Return a task definition's containers."""
    node = task.at("containerDefinitions")
    if node.unknown:
        raise CannotTell(node.path)
    return [Node(one, f"containerDefinitions[{i}]") for i, one in enumerate(json.loads(node.raw or "[]"))]


@BOOK.rule(
    "task-without-root", "Containers run as nobody in particular, on a file system they cannot change", TASK,
    remedy="Set user, readonlyRootFilesystem, linuxParameters.capabilities.drop ALL; never privileged.",
)  # fmt: skip
def _without_root(task: View) -> Iterator[str]:
    def check(container: Node) -> Iterator[str]:
        if str(container["user"] or "root").partition(":")[0] in {"root", "0"}:
            yield f"{container['name']} runs as root"
        if not container.on("readonlyRootFilesystem"):
            yield f"{container['name']} can change its own files"
        if container.on("privileged"):
            yield f"{container['name']} is privileged"

    yield from across(containers(task), check)


@BOOK.rule(
    "task-logs", "Containers' logs are kept", TASK,
    remedy="Give each container a logConfiguration.",
)  # fmt: skip
def _logs(task: View) -> Iterator[str]:
    def check(container: Node) -> Iterator[str]:
        if container["logConfiguration.logDriver"] is None:
            yield f"what {container['name']} logs is lost"

    yield from across(containers(task), check)


@BOOK.rule(
    "task-without-plain-secrets", "Secrets reach containers from Secrets Manager, never as plain settings", TASK,
    remedy="Name the secret in `secrets` (valueFrom) instead of `environment`.",
)  # fmt: skip
def _secrets(task: View) -> Iterator[str]:
    def check(container: Node) -> Iterator[str]:
        for setting in container.each("environment"):
            if SECRET.search(str(setting["name"])):
                yield f"{container['name']} is given {setting['name']} in the open"

    yield from across(containers(task), check)


@BOOK.rule(
    "task-image-fixed", "What runs is an image of our own registry, of one version", TASK,
    remedy="Name the image by digest or release, from the account's registry.",
)  # fmt: skip
def _image(task: View) -> Iterator[str]:
    def check(container: Node) -> Iterator[str]:
        image = str(container["image"] or "")
        tag = image.rpartition("/")[2].partition("@")[2] or image.rpartition("/")[2].partition(":")[2]
        if tag in {"", "latest"}:
            yield f"{container['name']} runs whatever {image or 'no image'} is that day"

    yield from across(containers(task), check)


@BOOK.rule(
    "task-roles-apart", "A container has not the rights of what starts it", TASK, scope="stack",
    remedy="Give the task a task_role_arn of its own beside execution_role_arn.",
)  # fmt: skip
def _roles(task: View) -> Iterator[str]:
    run, start = (
        {role.resource.urn for role in task.named(name, "aws:iam/role:Role")}
        for name in ("taskRoleArn", "executionRoleArn")
    )
    if run & start:
        yield "the container may read whatever starting it takes: secrets and images of others"


@BOOK.rule(
    "service-private", "Tasks have no public address", SERVICE,
    remedy="Set network_configuration.assign_public_ip to false.",
)  # fmt: skip
def _private(service: View) -> Iterator[str]:
    if service.on("networkConfiguration.assignPublicIp"):
        yield "its tasks have public addresses"


@BOOK.rule(
    "service-without-shell", "Nobody opens a shell in a container that handles PHI", SERVICE,
    when=lambda service: service.phi,
    remedy="Set enable_execute_command to false; use break-glass access, which is recorded.",
)  # fmt: skip
def _shell(service: View) -> Iterator[str]:
    if service.on("enableExecuteCommand"):
        yield "a shell in it can be opened from anywhere"


@BOOK.rule(
    "app-runner-without-phi", "PHI never reaches App Runner, which is not a HIPAA eligible service",
    RUNNER, "aws:apprunner/vpcConnector:VpcConnector",
    remedy="Run it on Fargate (edge.app_runner false), or take the PHI out of it and tag it public.",
)  # fmt: skip
def _runner(runner: View) -> Iterator[str]:
    if runner.data_class != "public":
        yield f"is tagged {runner.data_class}: App Runner may hold public data alone"


@BOOK.rule(
    "app-runner-outside", "App Runner has no way into the network that carries PHI", RUNNER,
    remedy="Leave egress_configuration at DEFAULT: no VPC connector.",
)  # fmt: skip
def _outside(runner: View) -> Iterator[str]:
    if runner["networkConfiguration.egressConfiguration.egressType"] == "VPC":
        yield "reaches into the VPC"


@BOOK.rule(
    "app-runner-fixed-image", "App Runner runs an image of ours that somebody released", RUNNER,
    remedy="Set image_repository_type ECR and auto_deployments_enabled false.",
)  # fmt: skip
def _fixed(runner: View) -> Iterator[str]:
    if runner["sourceConfiguration.imageRepository.imageRepositoryType"] == "ECR_PUBLIC":
        yield "runs an image that anybody publishes"
    if runner["sourceConfiguration.autoDeploymentsEnabled"] is not False:
        yield "runs whatever is pushed, released or not"


@BOOK.rule(
    "image-unchanging", "An image that was tested cannot be replaced under its name", REPOSITORY,
    remedy="Set image_tag_mutability to IMMUTABLE.",
)  # fmt: skip
def _unchanging(repository: View) -> Iterator[str]:
    if repository["imageTagMutability"] != "IMMUTABLE":
        yield "a tag can be moved to another image"


@BOOK.rule(
    "image-scanned", "Images are scanned when they are pushed", REPOSITORY,
    remedy="Set image_scanning_configuration.scan_on_push.",
)  # fmt: skip
def _scanned(repository: View) -> Iterator[str]:
    if not repository.on("imageScanningConfiguration.scanOnPush"):
        yield "what is pushed is not scanned"


@BOOK.rule(
    "registry-scanned-continuously", "Images are scanned again when new weaknesses become known",
    "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration",
    remedy="Set scan_type ENHANCED and a rule with CONTINUOUS_SCAN.",
)  # fmt: skip
def _continuously(registry: View) -> Iterator[str]:
    often = {rule["scanFrequency"] for rule in registry.each("rules")}
    if registry["scanType"] != "ENHANCED" or "CONTINUOUS_SCAN" not in often:
        yield "an image that was fine when pushed is never looked at again"
