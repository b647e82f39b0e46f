"""Which requests a policy is asked about: resource rules, namespaces and labels, as the API server matches them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
IRREGULAR = {"Endpoints": "endpoints", "NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}
EVERYTHING = "*"


@dataclass(frozen=True)
class Request:
    """What somebody asks of the API server. Of a deletion there is no ``object``, of a creation no ``old``."""

    object: Document | None
    old: Document | None = None
    operation: str = "CREATE"
    user: str = "system:serviceaccount:argocd:argocd-application-controller"

    @property
    def document(self) -> Document:
        """What the request is about."""
        found = self.object if self.object is not None else self.old
        assert found is not None
        return found

    @property
    def namespace(self) -> str:
        """The namespace it is about; a Namespace is in itself, as for the API server."""
        metadata = self.document["metadata"]
        if self.document["kind"] == "Namespace":
            return str(metadata["name"])
        return str(metadata.get("namespace", ""))

    def as_dict(self) -> dict[str, Any]:
        """Return it as expressions see it."""
        group, version = group_and_version(self.document)
        kind = {"group": group, "version": version, "kind": self.document["kind"]}
        resource = {"group": group, "version": version, "resource": plural(self.document["kind"])}
        return {
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            "name": self.document["metadata"].get("name", ""),
            "namespace": self.namespace,
            "operation": self.operation,
            "userInfo": {"username": self.user},
            "dryRun": False,
        }


def asked(policy: Document, binding: Document, request: Request, namespaces: Mapping[str, Document]) -> bool:
    """Say whether policy and binding both match a request; ``namespaces`` are the cluster's by name."""
    matches = (policy["spec"]["matchConstraints"], binding["spec"].get("matchResources"))
    return all(_matches(one, request, namespaces) for one in matches if one is not None)


def group_and_version(document: Document) -> tuple[str, str]:
    """Return a document's API group ("" for the core) and version."""
    group, _, version = str(document["apiVersion"]).rpartition("/")
    return group, version


def plural(kind: str) -> str:
    """Return the resource's name, as rules and roles write it."""
    if kind in IRREGULAR:
        return IRREGULAR[kind]
    low = kind.lower()
    return f"{low[:-1]}ies" if low.endswith("y") and low[-2] not in "aeiou" else f"{low}s"


def selected(selector: Document | None, labels: Mapping[str, str]) -> bool:
    """Say whether a label selector selects labels; an empty one selects everything."""
    selector = selector or {}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(one, labels) for one in selector.get("matchExpressions") or ())


def _holds(expression: Document, labels: Mapping[str, str]) -> bool:
    there, values = expression["key"] in labels, expression.get("values") or ()
    match expression["operator"]:
        case "Exists":
            return there
        case "DoesNotExist":
            return not there
        case "In":
            return there and labels[expression["key"]] in values
        case _:
            return not there or labels[expression["key"]] not in values


def _matches(match: Document, request: Request, namespaces: Mapping[str, Document]) -> bool:
    rules: Iterable[Document] = match.get("resourceRules") or ()
    if rules and not any(_rule_matches(rule, request) for rule in rules):
        return False
    if any(_rule_matches(rule, request) for rule in match.get("excludeResourceRules") or ()):
        return False
    if not any(
        selected(match.get("objectSelector"), one["metadata"].get("labels") or {})
        for one in (request.object, request.old)
        if one is not None
    ):
        return False
    if not match.get("namespaceSelector") or (request.document["kind"] != "Namespace" and not request.namespace):
        return True
    home = request.document if request.document["kind"] == "Namespace" else namespaces.get(request.namespace, {})
    return selected(match["namespaceSelector"], home.get("metadata", {}).get("labels") or {})


def _rule_matches(rule: Document, request: Request) -> bool:
    group, version = group_and_version(request.document)
    names = rule.get("resourceNames") or ()
    return (
        _among(rule["apiGroups"], group)
        and _among(rule["apiVersions"], version)
        and _among(rule["operations"], request.operation)
        and _among(rule["resources"], plural(request.document["kind"]))
        and (not names or request.document["metadata"].get("name") in names)
    )


def _among(allowed: Iterable[str], one: str) -> bool:
    return any(name in (EVERYTHING, one) for name in allowed)
