"""What must hold of `careslot preview`: each mistake planted ends it with 1, with file and line."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pulumi_aws as aws
import pytest
import typer

from environments.model import Environment, load_environment
from infra.components.base import Scope
from infra.recording.record import record_environment
from infra.stacks import Stack
from pipelines import preview
from tests.fixtures.estate import Box
from tests.repository.tree import ROOT

pytestmark = pytest.mark.xdist_group("estate")
STACK = Stack.parse("prod-us-west-2")


def typo(box: Box) -> None:
    rule: Any = {"id": "tidy", "status": "Enabled", "expiraton": {"days": 1}}
    aws.s3.BucketLifecycleConfiguration("planted", bucket="careslot-x", rules=[rule], opts=box.child())


def public_bucket(box: Box) -> None:
    aws.s3.BucketPublicAccessBlock("planted", bucket="careslot-x", block_public_acls=True, opts=box.child())


def bucket_without_wall(box: Box) -> None:
    aws.s3.Bucket("planted", bucket="careslot-x", opts=box.child())


def bucket_for_anybody(box: Box) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::careslot-x/*"}
    aws.s3.BucketPolicy("planted", bucket="careslot-x", policy=document(statement), opts=box.child())


def listed_bucket(box: Box) -> None:
    aws.s3.BucketAcl("planted", bucket="careslot-x", acl="public-read", opts=box.child())


def every_action(box: Box) -> None:
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::careslot-x"}
    aws.iam.RolePolicy("planted", role="somebody", policy=document(statement), opts=box.child())


def every_resource(box: Box) -> None:
    statement = {"Effect": "Allow", "Action": ["ec2:DescribeVpcs", "s3:GetObject"], "Resource": "*"}
    aws.iam.RolePolicy("planted", role="somebody", policy=document(statement), opts=box.child())


def administrator(box: Box) -> None:
    aws.iam.RolePolicyAttachment(
        "planted", role="somebody", policy_arn="arn:aws:iam::aws:policy/AdministratorAccess", opts=box.child()
    )


def queue_that_keeps_trying(box: Box) -> None:
    aws.sqs.Queue("planted", name="lost", opts=box.child())


def rule_that_loses(box: Box) -> None:
    queue = "arn:aws:sqs:us-west-2:333344445555:lost"
    aws.cloudwatch.EventTarget("planted", rule="lost", arn=queue, opts=box.child())


def other_region(box: Box) -> None:
    arn = "arn:aws:kms:us-east-1:333344445555:key/mrk-1"
    aws.sns.Topic("planted", name="careslot-prod-lost", kms_master_key_id=arn, opts=box.child())


def document(statement: Mapping[str, object]) -> str:
    """Return a policy of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


PLANTED: dict[Callable[[Box], None], tuple[str, str]] = {
    typo: ("unmapped-property", "rules[0].expiraton: no such property: did you mean 'expiration'?"),
    public_bucket: ("public-bucket", "public access is not blocked by blockPublicPolicy"),
    bucket_without_wall: ("public-bucket", "has no public access block"),
    bucket_for_anybody: ("public-bucket", "lets anybody s3:GetObject"),
    listed_bucket: ("public-bucket", "is public-read"),
    every_action: ("wildcard-role", "allows s3:*: name the actions"),
    every_resource: ("wildcard-role", "allows s3:GetObject on *: name the resources"),
    administrator: ("wildcard-role", "attaches AdministratorAccess"),
    queue_that_keeps_trying: ("no-dead-letters", "has no dead-letter queue and is none"),
    rule_that_loses: ("no-dead-letters", "what cannot be delivered is lost"),
    other_region: ("cross-region", "kmsMasterKeyId names us-east-1: us-west-2 must work without it"),
}


def program(make: Callable[[Box], None], stack: Stack, environment: Environment) -> None:
    """Stand in for the assembly: one component in the planted stack, nothing in the others."""
    if stack == STACK:
        provider = aws.Provider("aws", region=stack.region)
        box = Box("box", Scope(environment, stack.region, (provider,)))
        make(box)
        box.registered()


@pytest.mark.parametrize("make", PLANTED, ids=lambda make: make.__name__)
def test_each_is_caught_with_file_and_line_and_ends_with_1(
    make: Callable[[Box], None], capsys: pytest.CaptureFixture[str]
) -> None:
    rule, what = PLANTED[make]
    recording = record_environment(load_environment("prod"), [STACK], partial(program, make))[STACK.name]
    with pytest.raises(typer.Exit) as ended:
        preview.end(recording.faults)
    assert ended.value.exit_code == 1
    lines, first = inspect.getsourcelines(make)
    told = [line for line in capsys.readouterr().err.splitlines() if line.endswith(f"[{rule}]")]
    (found,) = [line for line in told if what in line]
    file, line, name = found.split(":")[:3]
    assert (file, name.strip()) == ("tests/infra/test_planted.py", "planted")
    assert first < int(line) < first + len(lines)


# File, what stands there, what a tired person wrote instead, and what is told of it.
MISTAKES = (
    (
        "infra/components/network.py",
        'aws.ec2.RouteTableRouteArgs(cidr_block="0.0.0.0/0", nat_gateway_id=nat.id)',
        '{"cidr_blok": "0.0.0.0/0", "nat_gateway_id": nat.id}',
        "network-private: routes[0].cidr_blok: no such property: did you mean 'cidrBlock'?",
    ),
    (
        "infra/components/bucket.py",
        "block_public_policy=True",
        "block_public_policy=False",
        "public access is not blocked by blockPublicPolicy [public-bucket]",
    ),
    (
        "infra/components/workloads.py",
        '"secretsmanager:GetSecretValue"',
        '"secretsmanager:*"',
        "allows secretsmanager:*: name the actions [wildcard-role]",
    ),
    (
        "infra/components/event_bus.py",
        "dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(arn=queue.dead_letters_arn),",
        "",
        "what cannot be delivered is lost [no-dead-letters]",
    ),
    (
        "infra/components/network.py",
        "kms_key_id=self.args.logs_key_arn",
        'kms_key_id="arn:aws:kms:us-east-1:333344445555:key/mrk-1"',
        "network-flows: kmsKeyId names us-east-1: us-west-2 must work without it [cross-region]",
    ),
)


def test_a_copy_of_the_programs_with_all_of_them_is_refused(tmp_path: Path) -> None:
    """By the verb itself, each told with a file and line of the copy."""
    for name in ("environments", "infra", "pipelines", "services"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file, right, wrong, _ in MISTAKES:
        text = (tmp_path / file).read_text("utf-8")
        assert right in text
        (tmp_path / file).write_text(text.replace(right, wrong), "utf-8")
    ran = subprocess.run(
        [sys.executable, "-c", "from pipelines.main import main; main()", "preview", STACK.name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert ran.returncode == 1, ran.stderr
    for _, _, _, what in MISTAKES:
        told = [line for line in ran.stderr.splitlines() if what in line]
        assert told, what
        # The call that made the resource: for a role that is where all roles are made.
        assert all(re.match(r"infra/components/\w+\.py:\d+: ", line) for line in told), told
