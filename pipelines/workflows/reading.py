"""Workflows and actions as YAML, with the lines where an action is used: comments count there, and YAML drops them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

USES = re.compile(r"^\s*(?:- )?uses:\s*(?P<action>[^\s@#]+)(?:@(?P<ref>[^\s#]+))?\s*(?:#\s*(?P<tag>\S+))?\s*$")


class _Loader(yaml.CSafeLoader):
    """YAML 1.2's booleans: `on` is a key of every workflow."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool" or letter in "tTfF"]
    for letter, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Use:
    """An action used in a line of a file: ``ref`` is what it is pinned by, ``tag`` what the comment says that is."""

    path: str
    line: int
    action: str
    ref: str
    tag: str

    @property
    def ours(self) -> bool:
        """Whether it is of this repository (`$/`: as of the commit that runs)."""
        return self.action.startswith(("$/", "./"))

    @property
    def repository(self) -> str:
        """The action's repository: several actions may live in one."""
        return "/".join(self.action.split("/")[:2])


def files(root: Path) -> tuple[Path, ...]:
    """Return the workflows and actions below ``root``, workflows first."""
    folder = root / ".github"
    return (*sorted((folder / "workflows").glob("*.yml")), *sorted(folder.glob("actions/*/action.yml")))


def uses(root: Path) -> Iterator[Use]:
    """Yield every use of an action."""
    for file in files(root):
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            if found := USES.match(line):
                name = str(file.relative_to(root))
                yield Use(name, number, found["action"], found["ref"] or "", found["tag"] or "")


def load(file: Path) -> Mapping[str, Any]:
    """Return a workflow's content."""
    return dict(yaml.load(file.read_text("utf-8"), _Loader))  # noqa: S506  # a safe loader that reads `on` as a word
