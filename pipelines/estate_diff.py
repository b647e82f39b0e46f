"""What changes between two recordings of the estate: resources added, removed, changed, each property by its path.

Both sides are the JSON of `careslot preview --json`, so that an older commit can be recorded by its own code.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from environments.model import Environment
from infra.recording.graph import MARK
from services.kernel.errors import Invalid

ROOT = Path(__file__).resolve().parents[1]
Stacks = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Property:
    """A property by its path, what it was and what it is; None where it is not there."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one resource: ``how`` is added, removed or changed."""

    how: str
    stack: str
    type: str
    name: str
    place: str
    properties: tuple[Property, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can say it."""
        return asdict(self)


def changes(before: Stacks, after: Stacks) -> list[Change]:
    """Return what differs between two recordings of the same stacks, in the order of stacks, types and names."""
    old, new = _resources(before), _resources(after)
    found = [_change("removed", old[key]) for key in old.keys() - new.keys()]
    found += [_change("added", new[key]) for key in new.keys() - old.keys()]
    for key in old.keys() & new.keys():
        was, is_ = (dict(_flat({**side["inputs"], "options": side["options"]})) for side in (old[key], new[key]))
        differing = sorted(path for path in was.keys() | is_.keys() if was.get(path) != is_.get(path))
        if differing:
            properties = tuple(Property(path, was.get(path), is_.get(path)) for path in differing)
            found.append(_change("changed", new[key], properties))
    return sorted(found, key=lambda change: (change.stack, change.type, change.name))


def recorded_at(revision: str, words: Sequence[str]) -> Stacks:
    """Record stacks or environments as a commit declares them, by its own code; raise Invalid if it cannot be done."""
    archive = subprocess.run(["git", "archive", "--format=tar", revision], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        said = archive.stderr.decode(errors="replace").strip().splitlines()
        raise Invalid(
            f"{revision!r} is neither an environment nor a commit: {said[-1] if said else 'git said nothing'}"
        )
    with tempfile.TemporaryDirectory(prefix="careslot-diff-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tree:
            tree.extractall(folder, filter="data")
        ran = subprocess.run(
            [sys.executable, "-c", "from pipelines.main import main; main()", "preview", *words, "--json"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        return list(json.loads(ran.stdout)["stacks"])
    except (json.JSONDecodeError, KeyError):
        said = ran.stderr.strip().splitlines()
        raise Invalid(f"{revision} cannot be previewed: {said[-1] if said else 'it said nothing'}") from None


def neutral(stacks: Stacks, environment: Environment) -> Stacks:
    """Return stacks with what says which environment they are of taken out, so that two of them can be compared."""
    text = json.dumps(stacks)
    for own, neutral_word in (
        (f"careslot-{environment.name}", "careslot-<environment>"),
        (f"careslot_{environment.name}", "careslot_<environment>"),
        (f"/{environment.name}/", "/<environment>/"),
        (f'"environment": "{environment.name}"', '"environment": "<environment>"'),
        (f'"{environment.name}-', '"<environment>-'),
        (f"::{environment.name}-", "::<environment>-"),
        (environment.account, "<account>"),
    ):
        text = text.replace(own, neutral_word)
    return list(json.loads(text))


def _resources(stacks: Stacks) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return resources by stack and URN, with references written as names: marks differ where URNs do."""
    named = {
        resource["mark"]: f"<{resource['type'].rpartition(':')[2]} {resource['name']}>"
        for stack in stacks
        for resource in stack["resolved"]["resources"]
    }
    return {
        (stack["stack"], resource["urn"].partition("::")[2]): {
            **resource,
            "stack": stack["stack"],
            "inputs": json.loads(MARK.sub(lambda mark: named.get(mark[0], mark[0]), json.dumps(resource["inputs"]))),
        }
        for stack in stacks
        for resource in stack["resolved"]["resources"]
        if not resource["read"] and (resource["custom"] or resource["remote"])
    }


def _change(how: str, resource: Mapping[str, Any], properties: tuple[Property, ...] = ()) -> Change:
    place = f"{resource['place']['file']}:{resource['place']['line']}"
    return Change(how, resource["stack"], resource["type"], resource["name"], place, properties)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value with its path; JSON within a text (a policy) is looked into."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            pass
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _flat(below, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for index, below in enumerate(value):
            yield from _flat(below, f"{path}[{index}]")
    else:
        yield path, value
