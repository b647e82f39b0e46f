"""Admission rules as they stand in their files: a rule is a file, named like it, of policies and bindings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from services.kernel.errors import Invalid

HERE = Path(__file__).parent
POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
Document = Mapping[str, Any]


@dataclass(frozen=True)
class AdmissionRule:
    """A file's policies, each with the bindings that put it to work; ``declared`` is what cannot be asked here."""

    name: str
    bound: tuple[tuple[Document, Document], ...]
    declared: tuple[Document, ...]


def load_rules(folder: Path = HERE) -> tuple[AdmissionRule, ...]:
    """Read every rule; raise Invalid for a file that is not YAML, a policy nobody binds, a binding of nothing."""
    return tuple(_rule(file) for file in sorted(folder.glob("*.yaml")))


def documents(file: Path) -> list[dict[str, Any]]:
    """Return the documents of a YAML file; raise Invalid if it is none."""
    try:
        return [one for one in yaml.safe_load_all(file.read_text("utf-8")) if one]
    except yaml.YAMLError as fault:
        raise Invalid(f"{file.name} is not YAML: {fault}") from None


def _rule(file: Path) -> AdmissionRule:
    found = documents(file)
    policies = {one["metadata"]["name"]: one for one in found if one["kind"] == POLICY}
    bindings = [one for one in found if one["kind"] == BINDING]
    for binding in bindings:
        if binding["spec"]["policyName"] not in policies:
            raise Invalid(f"{file.name}: {binding['metadata']['name']} binds a policy that is not there")
    if idle := policies.keys() - {binding["spec"]["policyName"] for binding in bindings}:
        raise Invalid(f"{file.name}: nothing binds {', '.join(sorted(idle))}, so it refuses nothing")
    return AdmissionRule(
        name=file.stem,
        bound=tuple((policies[binding["spec"]["policyName"]], binding) for binding in bindings),
        declared=tuple(one for one in found if one["kind"] not in {POLICY, BINDING}),
    )
