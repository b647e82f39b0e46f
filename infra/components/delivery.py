"""Who deploys: GitHub's workflows, each by a role of its own that only one GitHub environment can take, without keys.

A token's `sub` names repository and environment. Repositories made since 15 July 2026 have immutable ids in it, older
ones names alone; both forms are trusted, so that opting in does not lock anybody out (GitHub, "Immutable subject
claims"). Branches and pull requests are in no form: what may deploy is decided by the environment's protection rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from environments.model import GitHub
from infra.components.base import Component, Scope
from infra.components.region_switch import plan_arn
from infra.components.registry import PREFIX
from infra.components.roles import role
from infra.permissions import Statement

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True, slots=True)
class DeliveryArgs:
    """``state_bucket_arns`` and ``state_key_arns`` are what Pulumi keeps its state in, in every region."""

    github: GitHub
    state_bucket_arns: Sequence[pulumi.Input[str]]
    state_key_arns: Sequence[pulumi.Input[str]]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A kind of workflow: the ending of its GitHub environment's name, AWS's policies, and statements of ours."""

    purpose: str
    ending: str
    managed: Sequence[str]
    allows: Callable[[Scope, DeliveryArgs], Sequence[Statement]]


def _state(args: DeliveryArgs, *, write: bool) -> Sequence[Statement]:
    objects = [pulumi.Output.concat(arn, "/*") for arn in args.state_bucket_arns]
    # A preview takes no lock, but reads what is there.
    actions = ["s3:GetObject", *(["s3:DeleteObject", "s3:PutObject"] if write else [])]
    keys = ["kms:Decrypt", *(["kms:Encrypt", "kms:GenerateDataKey"] if write else [])]
    return (
        {"Sid": "ListState", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": list(args.state_bucket_arns)},
        {"Sid": "KeepState", "Effect": "Allow", "Action": actions, "Resource": objects},
        {"Sid": "OpenState", "Effect": "Allow", "Action": keys, "Resource": list(args.state_key_arns)},
    )


def _deploy(scope: Scope, args: DeliveryArgs) -> Sequence[Statement]:
    """Manage roles of this environment and no others; everything else is PowerUserAccess, which cannot touch IAM."""
    ours = [scope.arn("iam", f"{kind}/{scope.named('*')}") for kind in ("policy", "role")]
    actions = (
        "AttachRolePolicy", "CreatePolicy", "CreatePolicyVersion", "CreateRole", "DeletePolicy", "DeletePolicyVersion",
        "DeleteRole", "DeleteRolePolicy", "DetachRolePolicy", "GetPolicy", "GetPolicyVersion", "GetRole",
        "GetRolePolicy", "ListAttachedRolePolicies", "ListInstanceProfilesForRole", "ListPolicyVersions",
        "ListRolePolicies", "ListRoleTags", "PassRole", "PutRolePolicy", "TagPolicy", "TagRole", "UntagPolicy",
        "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole", "UpdateRoleDescription",
    )  # fmt: skip
    providers = ("Create", "Delete", "Get", "Tag", "Untag")
    linked = scope.arn("iam", "role/aws-service-role/*")
    return (
        {"Sid": "OwnRoles", "Effect": "Allow", "Action": [f"iam:{action}" for action in actions], "Resource": ours},
        {
            "Sid": "TrustedIssuers",
            "Effect": "Allow",
            "Action": [f"iam:{verb}OpenIDConnectProvider" for verb in providers],
            "Resource": [scope.arn("iam", "oidc-provider/*")],
        },
        {"Sid": "RolesOfAws", "Effect": "Allow", "Action": ["iam:CreateServiceLinkedRole"], "Resource": [linked]},
        *_state(args, write=True),
    )


def _watch(scope: Scope) -> Sequence[Statement]:
    """Read burn rates, which hold no PHI, and what ARC says of the Region switch plan."""
    return (
        {
            "Sid": "AskMetrics",
            "Effect": "Allow",
            "Action": ["aps:QueryMetrics"],
            "Resource": [scope.arn("aps", "workspace/*", region=region) for region in scope.environment.regions],
        },
        {
            "Sid": "RehearseFailover",
            "Effect": "Allow",
            "Action": [
                f"arc-region-switch:{ask}"
                for ask in ("GetPlanEvaluationStatus", "GetPlanExecution", "GetPlanInRegion", "ListPlanExecutions")
            ],
            "Resource": [plan_arn(scope)],
        },
        # Listing names no plan, so it cannot be narrowed to one.
        {"Sid": "FindPlans", "Effect": "Allow", "Action": ["arc-region-switch:ListPlansInRegion"], "Resource": ["*"]},
    )


def _publish(scope: Scope, _args: DeliveryArgs) -> Sequence[Statement]:
    """Push images to the primary region, from where the registry copies them."""
    actions = (
        "BatchCheckLayerAvailability", "BatchGetImage", "CompleteLayerUpload", "DescribeImages",
        "DescribeImageScanFindings", "GetDownloadUrlForLayer", "InitiateLayerUpload", "PutImage", "UploadLayerPart",
    )  # fmt: skip
    return (
        {
            "Sid": "PushImages",
            "Effect": "Allow",
            "Action": [f"ecr:{action}" for action in actions],
            "Resource": [scope.arn("ecr", f"repository/{PREFIX}/*")],
        },
    )


PIPELINES: Mapping[str, Pipeline] = {
    "deploy": Pipeline("deploys and destroys stacks", "", ("PowerUserAccess",), _deploy),
    # Reads what resources are like, never what is in them.
    "preview": Pipeline(
        "looks for drift, watches burn rates, rehearses the failover",
        "-preview",
        ("SecurityAudit", "job-function/ViewOnlyAccess"),
        lambda scope, args: (*_state(args, write=False), *_watch(scope)),
    ),
    "publish": Pipeline("pushes images", "-images", ("AmazonEC2ContainerRegistryPullOnly",), _publish),
}


class Delivery(Component):
    """GitHub as an issuer that IAM knows, and a role a pipeline."""

    data_class = "internal"
    role_arns: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope, args: DeliveryArgs) -> None:
        super().__init__(name, scope)
        provider = aws.iam.OpenIdConnectProvider(
            f"{name}-github", url=f"https://{ISSUER}", client_id_lists=[AUDIENCE], opts=self.child()
        )
        roles = {
            key: role(
                self,
                f"{name}-{key}",
                provider.arn.apply(_trusting(subjects(args.github, scope.environment.name + pipeline.ending))),
                managed=pipeline.managed,
                statements=pipeline.allows(scope, args),
                description=f"GitHub: {pipeline.purpose}",
                physical=scope.named(key),
            ).arn
            for key, pipeline in PIPELINES.items()
        }
        self.role_arns = pulumi.Output.all(**roles)
        self.registered()


def subjects(github: GitHub, environment: str) -> list[str]:
    """Return the subjects of workflows that run in a GitHub environment: by names, and by ids where they are known."""
    owner, _, repository = github.repository.partition("/")
    forms = [github.repository]
    if github.owner_id is not None:
        forms.append(f"{owner}@{github.owner_id}/{repository}@{github.repository_id}")
    return [f"repo:{form}:environment:{environment}" for form in forms]


def _trusting(trusted: Sequence[str]) -> Callable[[str], str]:
    def policy(provider: str) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": list(trusted)}},
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    return policy
