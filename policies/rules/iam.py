"""Rights of programs and pipelines: named actions on named things, for those who are meant."""

from __future__ import annotations

from collections.abc import Iterator

from infra.recording.unsafe import TAKE_NO_RESOURCE
from policies.rules.documents import allows, anyone, conditions, listed, services, statements
from policies.rules.judging import Book
from policies.rules.reading import Node, View

BOOK = Book()
RULES = BOOK.rules
ROLE = "aws:iam/role:Role"
POLICIES = ("aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy")
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
GITHUB = "token.actions.githubusercontent.com"
# Services that call with no source to bind to: the machine or pod is the source.
# API Gateway takes the account's role for logs without telling a source (its developer guide shows no condition).
UNBOUND = {
    "apigateway.amazonaws.com", "ec2.amazonaws.com", "eks.amazonaws.com", "lambda.amazonaws.com",
    "pods.eks.amazonaws.com",
}  # fmt: skip
# AWS's own policies that reach further than any one job.
FAR = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess", "FullAccess")


@BOOK.rule(
    "role-actions-named", "Roles may do named actions, not all of a service", *POLICIES,
    remedy="Write the actions out (infra/permissions.py).",
)  # fmt: skip
def _actions(policy: View) -> Iterator[str]:
    for statement in statements(policy, "policy"):
        if not allows(statement):
            continue
        if statement.at("NotAction").raw is not None:
            yield "allows everything but a list (NotAction)"
        wide = [action for action in listed(statement, "Action") if action == "*" or action.endswith(":*")]
        if wide:
            yield f"may do {', '.join(wide)}"


@BOOK.rule(
    "role-resources-named", "Roles act on named resources, or under a condition that says which", *POLICIES,
    remedy="Name the ARN; where AWS knows none for the action, add a condition.",
)  # fmt: skip
def _resources(policy: View) -> Iterator[str]:
    for statement in statements(policy, "policy"):
        if allows(statement) and "*" in listed(statement, "Resource") and not conditions(statement):
            held = [action for action in listed(statement, "Action") if not action.startswith(TAKE_NO_RESOURCE)]
            if held:
                yield f"may do {', '.join(held)} to anything"


@BOOK.rule(
    "role-no-far-reaching-policy", "No role has a policy of AWS's that reaches further than one job", ATTACHMENT,
    remedy="Write a policy of named actions; give pipelines a permissions boundary.",
)  # fmt: skip
def _far(attachment: View) -> Iterator[str]:
    name = str(attachment["policyArn"]).rpartition("/")[2]
    if name.endswith(FAR):
        yield f"has {name}"


@BOOK.rule(
    "role-taken-by-those-meant", "A role can be taken by those it is meant for alone", ROLE,
    remedy="Name the principal; bind AWS's services by aws:SourceAccount or aws:SourceArn.",
)  # fmt: skip
def _taken(role: View) -> Iterator[str]:
    binding = {"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid"}
    for statement in statements(role, "assumeRolePolicy"):
        if not allows(statement):
            continue
        if anyone(statement) and not conditions(statement):
            yield "anybody may take it"
        unbound = [service for service in services(statement) if service not in UNBOUND]
        if unbound and not binding & conditions(statement).keys():
            yield f"{', '.join(unbound)} may take it on anybody's behalf"


@BOOK.rule(
    "role-web-identity-pinned", "Pods and pipelines take only the role that is theirs", ROLE,
    when=lambda role: "WebIdentity" in str(role["assumeRolePolicy"]),
    remedy="Pin aud, and sub to one service account, or to the repository's `environment:`, with StringEquals.",
)  # fmt: skip
def _pinned(role: View) -> Iterator[str]:
    for statement in statements(role, "assumeRolePolicy"):
        if "sts:AssumeRoleWithWebIdentity" not in listed(statement, "Action"):
            continue
        found = conditions(statement)
        subjects = [_texts(value) for key, value in found.items() if key.endswith(":sub")]
        if not any(key.endswith(":aud") for key in found):
            yield "takes tokens made for others (no aud)"
        if not subjects:
            yield "takes anybody's token (no sub)"
        for subject in (one for ones in subjects for one in ones):
            if "*" in subject:
                yield f"takes tokens of whoever matches {subject}"
            elif any(GITHUB in key for key in found) and ":environment:" not in subject:
                yield f"takes tokens of {subject}, which no environment's reviewers let through"


def _texts(value: object) -> tuple[str, ...]:
    return Node({"v": value}).words("v")


@BOOK.rule(
    "no-standing-credentials", "There are no users and no keys that last", "aws:iam/user:User",
    "aws:iam/accessKey:AccessKey", "aws:iam/userPolicy:UserPolicy", "aws:iam/userLoginProfile:UserLoginProfile",
    remedy="Let people come through the organisation's sign-in and programs take a role.",
)  # fmt: skip
def _users(user: View) -> Iterator[str]:
    yield f"{user.type.rpartition(':')[2]} lasts until somebody remembers it"
