"""Rules of our own for workflows, which no linter knows: whose roles they take, what they may, what a step may run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.findings import Finding
from pipelines.workflows.reading import files, load, uses

CHECKOUT = "actions/checkout@"
CREDENTIALS = "aws-actions/configure-aws-credentials@"
ROLE = re.compile(r"arn:aws:iam::\$\{\{ vars\.AWS_ACCOUNT \}\}:role/careslot-(?P<environment>.+)-(?P<key>[a-z]+)")
# A step's line: our verbs, installing them, handing on what a verb said, or the one verdict; nothing that decides.
THIN = re.compile(
    r"\.venv/bin/careslot .+"
    r"|make (install|\.venv-[a-z]+/\.installed)"
    r'|(?P<name>[a-z]+)="\$\(\.venv/bin/careslot [^)]+\)"'
    r'|echo "[a-z]+=\$([a-z]+|\{image#\*@\})" >> "\$GITHUB_OUTPUT"'
    r'|cp "\$BUNDLE" built/attestation\.json|echo "\$DIGEST" > built/digest'
    r'|cosign sign --yes "\$IMAGE"'
    r'|test "\$RESULTS" = "success( success)*"'
)
# Rights beyond reading that a job may have, by workflow: who may do more is a matter for review here.
WRITES: Mapping[str, frozenset[str]] = {
    "build.yml": frozenset({"actions", "attestations", "contents", "id-token", "pull-requests"}),
    "deploy.yml": frozenset({"id-token"}),
    "drift.yml": frozenset({"id-token"}),
    "failover.yml": frozenset({"id-token"}),
    "preview.yml": frozenset({"pull-requests"}),
    "promote.yml": frozenset({"actions", "contents", "id-token", "pull-requests"}),
    "scan.yml": frozenset({"security-events"}),
}
DANGEROUS = ("pull_request_target", "workflow_run", "issue_comment")


def findings(root: Path) -> list[Finding]:
    """Return what our rules find in every workflow and action."""
    found = []
    for file in files(root):
        path, content = str(file.relative_to(root)), load(file)
        if "jobs" in content:
            found += list(_workflow(path, content))
        else:
            found += list(_steps(path, "runs", content["runs"]["steps"]))
    for use in uses(root):
        if use.ours and not (root / use.action.partition("/")[2] / "action.yml").is_file():
            found.append(Finding(use.path, f"line {use.line}", f"{use.action} is not there", "name an action of ours"))
    return found


def _workflow(path: str, content: Mapping[str, Any]) -> Iterator[Finding]:
    if content.get("permissions") != {}:
        yield Finding(path, "permissions", "the workflow grants rights to every job", "permissions: {}, then by job")
    if "concurrency" not in content:
        yield Finding(path, "concurrency", "two runs may meet", "say which runs exclude each other")
    for trigger in DANGEROUS:
        if trigger in content["on"]:
            yield Finding(path, f"on.{trigger}", "runs a stranger's words with our rights", "use pull_request")
    for name, job in content["jobs"].items():
        yield from _job(path, f"jobs.{name}", job)


def _job(path: str, where: str, job: Mapping[str, Any]) -> Iterator[Finding]:
    rights = job.get("permissions")
    if rights is None:
        yield Finding(path, where, "says not what it may", "permissions:, {} for nothing")
    if "timeout-minutes" not in job:
        yield Finding(path, where, "may run for six hours", "timeout-minutes:")
    writes = {right for right, may in (rights or {}).items() if may == "write"}
    if more := writes - WRITES.get(Path(path).name, frozenset()):
        yield Finding(path, where, f"may write {', '.join(sorted(more))}", "take it away, or allow it in rules.py")
    if "id-token" in writes and "environment" not in job:
        yield Finding(path, where, "asks for a token that no environment protects", "environment:")
    if "secrets." in str(job):
        yield Finding(path, where, "uses a stored secret", "roles are taken by the job's own token")
    yield from _steps(path, where, job["steps"], str(job.get("environment", "")))


def _steps(path: str, where: str, steps: list[Mapping[str, Any]], environment: str = "") -> Iterator[Finding]:
    for number, step in enumerate(steps):
        place = f"{where}.steps[{number}]"
        action = step.get("uses", "")
        if action.startswith(CHECKOUT) and step.get("with", {}).get("persist-credentials") is not False:
            yield Finding(path, place, "leaves the token in the working tree", "persist-credentials: false")
        if action.startswith(CREDENTIALS):
            yield from _role(path, place, step.get("with", {}), environment)
        for line in filter(None, map(str.strip, str(step.get("run", "")).splitlines())):
            if not THIN.fullmatch(line):
                yield Finding(path, place, f"{line!r} is no verb", "put it into a verb, where it can be tested")


def _role(path: str, place: str, given: Mapping[str, Any], environment: str) -> Iterator[Finding]:
    """Compare a role with what infra makes: `careslot-E-KEY` trusts GitHub environment E with KEY's ending alone."""
    from infra.components.delivery import PIPELINES

    told = ROLE.fullmatch(str(given.get("role-to-assume", "")))
    if told is None or told["key"] not in PIPELINES:
        what = f"{given.get('role-to-assume')!r} is none of infra/components/delivery.py"
        yield Finding(path, place, what, f"careslot-ENVIRONMENT-{'|'.join(PIPELINES)} of vars.AWS_ACCOUNT")
    elif environment != (trusted := told["environment"] + PIPELINES[told["key"]].ending):
        what = f"the role trusts GitHub environment {trusted!r}, but the job runs in {environment!r}"
        yield Finding(path, place, what, "take the environment's own role")
    if set(given) - {"role-to-assume", "aws-region"}:
        yield Finding(path, place, "gives more than a role and a region", "no keys, no secrets")
