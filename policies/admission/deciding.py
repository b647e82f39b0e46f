"""What the API server would say of a request: match conditions, parameters, variables, validations, in its order.

The rules of https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/ : one match condition
that is false spares the rest, also errors; an error elsewhere refuses when the failure policy is Fail; a parameter that
is not there refuses when the binding says Deny; a message expression that fails falls back to the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.admission.expressions import Failed, value_of
from policies.admission.matching import Request, asked, group_and_version, selected
from policies.admission.reading import AdmissionRule

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """A rule that refuses: ``where`` is its validation, or what failed; ``error`` says that the rule itself failed."""

    rule: str
    policy: str
    where: str
    message: str
    error: bool = False


def verdicts(rules: Iterable[AdmissionRule], request: Request, cluster: Iterable[Document]) -> dict[str, list[Refusal]]:
    """Return what each rule that is asked about a request refuses, by its name: nothing if it lets it in.

    ``cluster`` is what is there: namespaces and parameters are found in it.
    """
    there = tuple(cluster)
    namespaces = {one["metadata"]["name"]: one for one in there if one["kind"] == "Namespace"}
    found: dict[str, list[Refusal]] = {}
    for rule in rules:
        for policy, binding in rule.bound:
            if "Deny" in binding["spec"]["validationActions"] and asked(policy, binding, request, namespaces):
                found.setdefault(rule.name, []).extend(_asked(rule.name, policy, binding, request, there, namespaces))
    return found


def _asked(
    rule: str,
    policy: Document,
    binding: Document,
    request: Request,
    cluster: tuple[Document, ...],
    namespaces: Mapping[str, Document],
) -> Iterator[Refusal]:
    spec, name = policy["spec"], policy["metadata"]["name"]
    data: dict[str, Any] = {
        "object": request.object,
        "oldObject": request.old,
        "request": request.as_dict(),
        "namespaceObject": namespaces.get(request.namespace),
    }
    try:
        if not _conditions_hold(spec.get("matchConditions") or (), data):
            return
    except Failed as fault:
        if spec.get("failurePolicy", "Fail") == "Fail":
            yield Refusal(rule, name, "matchConditions", str(fault), error=True)
        return
    given = list(_parameters(spec, binding, request, cluster))
    if not given:
        if binding["spec"]["paramRef"].get("parameterNotFoundAction") == "Deny":
            yield Refusal(rule, name, "paramRef", f"no {spec['paramKind']['kind']} is there as its parameter")
        return
    for params in given:
        yield from _validated(rule, policy, {**data, "params": params})


def _validated(rule: str, policy: Document, data: dict[str, Any]) -> Iterator[Refusal]:
    spec, name = policy["spec"], policy["metadata"]["name"]
    data["variables"], broken = _variables(spec.get("variables") or (), data)
    for number, validation in enumerate(spec["validations"]):
        where = f"spec.validations[{number}]"
        try:
            if value_of(validation["expression"], data) is not True:
                yield Refusal(rule, name, where, _message(validation, data))
        except Failed as fault:
            if spec.get("failurePolicy", "Fail") == "Fail":
                yield Refusal(rule, name, where, "; ".join([str(fault), *broken]), error=True)


def _conditions_hold(conditions: Iterable[Document], data: Mapping[str, Any]) -> bool:
    failed: Failed | None = None
    for condition in conditions:
        try:
            if value_of(condition["expression"], data) is not True:
                return False
        except Failed as fault:
            failed = fault
    if failed is not None:
        raise failed
    return True


def _parameters(
    spec: Document, binding: Document, request: Request, cluster: Iterable[Document]
) -> Iterator[Document | None]:
    """Yield the parameters a binding refers to, or one None for a policy without any."""
    kind = spec.get("paramKind")
    if kind is None:
        yield None
        return
    reference = binding["spec"]["paramRef"]
    home = reference.get("namespace", request.namespace)
    for one in cluster:
        if (one["apiVersion"], one["kind"]) != (kind["apiVersion"], kind["kind"]):
            continue
        if one["metadata"].get("namespace", "") != home:
            continue
        if "name" in reference:
            if one["metadata"]["name"] == reference["name"]:
                yield one
        elif selected(reference["selector"], one["metadata"].get("labels") or {}):
            yield one


def _variables(declared: Iterable[Document], data: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return variables in their order; one that fails is missing, so that only what asks for it fails too."""
    found: dict[str, Any] = {}
    broken: list[str] = []
    for variable in declared:
        try:
            found[variable["name"]] = value_of(variable["expression"], {**data, "variables": found})
        except Failed as fault:
            broken.append(f"variable {variable['name']}: {fault}")
    return found, broken


def _message(validation: Document, data: Mapping[str, Any]) -> str:
    if "messageExpression" in validation:
        try:
            told = value_of(validation["messageExpression"], data)
        except Failed:
            told = None
        if isinstance(told, str) and told.strip() and "\n" not in told:
            return told
    return str(validation.get("message") or f"failed expression: {validation['expression']}")


def pods_of(document: Document) -> Iterator[dict[str, Any]]:
    """Yield the Pod that a workload will make (a Rollout, Job, CronJob, ...), for it is admitted as well."""
    kind, spec = document["kind"], document.get("spec") or {}
    if kind == "CronJob" and group_and_version(document)[0] == "batch":
        spec = spec["jobTemplate"]["spec"]
    template = spec.get("template")
    if kind == "Pod" or not isinstance(template, Mapping) or "containers" not in (template.get("spec") or {}):
        return
    metadata = {**(template.get("metadata") or {}), "name": f"{document['metadata']['name']}-0"}
    if "namespace" in document["metadata"]:
        metadata["namespace"] = document["metadata"]["namespace"]
    yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
