"""The lock of actions: which commit each tag named when it was reviewed, compared both ways with what workflows use.

Forty hexadecimal digits satisfy every linter, whatever commit of whichever fork they name; this file is where a person
looked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipelines.findings import Finding
from pipelines.workflows.reading import Use, uses
from services.kernel.errors import Invalid

LOCK = ".github/actions.lock.yaml"


class Locked(BaseModel):
    """One action: the tag that was reviewed and the commit it named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    tag: str = Field(pattern=r"^v\d+\.\d+\.\d+$")
    sha: str = Field(pattern=r"^[0-9a-f]{40}$")


_ALL = TypeAdapter(tuple[Locked, ...])


def load(root: Path) -> dict[str, Locked]:
    """Read the lock; raise Invalid naming the entry that is wrong, or the action that is there twice."""
    try:
        entries = _ALL.validate_python(yaml.safe_load((root / LOCK).read_text("utf-8")))
    except ValidationError as fault:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors())
        raise Invalid(f"{LOCK}: {told}") from None
    found = {entry.action: entry for entry in entries}
    if len(found) != len(entries):
        raise Invalid(f"{LOCK}: an action is there twice")
    return found


def findings(root: Path) -> list[Finding]:
    """Compare uses with the lock, and the lock with uses."""
    locked, used = load(root), [use for use in uses(root) if not use.ours]
    found = [finding for use in used if (finding := _of(use, locked.get(use.repository)))]
    idle = sorted(set(locked) - {use.repository for use in used})
    return [*found, *(Finding(LOCK, action, "no workflow uses it", "take the line out") for action in idle)]


def _of(use: Use, locked: Locked | None) -> Finding | None:
    where = f"line {use.line}"
    if not re.fullmatch(r"[0-9a-f]{40}", use.ref):
        return Finding(use.path, where, f"{use.action} is pinned by {use.ref or 'nothing'}", "pin it by its commit")
    if locked is None:
        return Finding(use.path, where, f"{use.action} is not in {LOCK}", "look at that commit and write it down there")
    if (use.ref, use.tag) != (locked.sha, locked.tag):
        what = f"{use.action}@{use.ref} # {use.tag or 'no tag'}, but the lock says {locked.sha} # {locked.tag}"
        return Finding(use.path, where, what, "change both, after looking at the commit")
    return None


def with_tags(text: str, locked: Iterable[Locked]) -> str:
    """Return a workflow with major tags in the place of commits: by those actionlint knows an action's inputs."""
    for one in locked:
        text = text.replace(f"@{one.sha}", f"@{one.tag.partition('.')[0]}")
    return text
