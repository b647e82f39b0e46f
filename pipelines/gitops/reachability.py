"""Who reaches whom by the NetworkPolicies, held against the catalogue: its calls, and no others.

A call passes when a policy of the caller lets it out and one of the called lets it in, both naming pods. An address
block opens a passage to every pod that may have an address in it, and pods have addresses of the VPC: it is no way to
call, but it counts where nobody calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_network

from pipelines.gitops.judging import Document, Fault, Rendered, containers, labels, name, namespace, pod_labels, selects
from pipelines.gitops.rendering import Manifest
from services.contracts.catalogue import load_catalogue

# Addresses of a VPC are private; what overlaps none of these is no pod.
PRIVATE = tuple(ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
Rule = tuple[Manifest, str, Document]


def faults(cluster: Rendered) -> Iterator[Fault]:
    """Yield namespaces without default-deny, boundless rules, calls that do not pass, passages nobody calls."""
    yield from _undenied(cluster)
    yield from _portless(cluster)
    catalogue = load_catalogue()
    pods = {str(one.service): one for one in cluster.of("Rollout") if one.service is not None}
    for caller, from_pod in pods.items():
        for called, to_pod in pods.items():
            if caller == called:
                continue
            port = catalogue[called].port
            called_for = called in catalogue[caller].calls
            out = _first(cluster, from_pod, "egress", to_pod, port, blocks=not called_for)
            into = _first(cluster, to_pod, "ingress", from_pod, port, blocks=not called_for)
            if called_for:
                yield from _blocked(from_pod, to_pod, called, out, into)
            elif out is not None and into is not None:
                manifest, path, _ = out
                told = (
                    f"lets {caller} reach {called}, which it does not call (services/contracts/catalogue/{caller}.yaml)"
                )
                yield Fault(manifest, path, told, "take the rule out, or the call into the catalogue")


def _blocked(from_pod: Manifest, to_pod: Manifest, called: str, out: Rule | None, into: Rule | None) -> Iterator[Fault]:
    if out is None:
        yield Fault(from_pod, "", f"calls {called}, but no NetworkPolicy lets it out to {called}'s port")
    if into is None:
        yield Fault(to_pod, "", f"is called by {from_pod.service}, but no NetworkPolicy lets {from_pod.service} in")


def _undenied(cluster: Rendered) -> Iterator[Fault]:
    for home in cluster.of("Namespace"):
        if "careslot.health/data-class" not in labels(home):
            continue
        if not any(
            namespace(one) == name(home) and _denies(one.document["spec"]) for one in cluster.of("NetworkPolicy")
        ):
            yield Fault(home, "", "has no NetworkPolicy that denies by default", "podSelector {}, both types, no rules")


def _denies(spec: Document) -> bool:
    rules = [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]
    return not spec.get("podSelector") and set(spec.get("policyTypes") or ()) == {"Ingress", "Egress"} and not rules


def _portless(cluster: Rendered) -> Iterator[Fault]:
    for policy in cluster.of("NetworkPolicy"):
        for way in ("ingress", "egress"):
            for number, rule in enumerate(policy.document["spec"].get(way) or ()):
                for needed in ("ports", "from" if way == "ingress" else "to"):
                    if not rule.get(needed):
                        yield Fault(policy, f"spec.{way}[{number}]", f"has no {needed}: it lets everything through")


def _first(cluster: Rendered, pod: Manifest, way: str, other: Manifest, port: int, *, blocks: bool) -> Rule | None:
    """Return the first rule on a pod that lets the other through at a port; ``blocks`` says that addresses count."""
    for policy in cluster.of("NetworkPolicy"):
        spec = policy.document["spec"]
        if namespace(policy) != namespace(pod) or not selects(spec.get("podSelector"), pod_labels(pod)):
            continue
        for number, rule in enumerate(spec.get(way) or ()):
            peers = rule.get("from" if way == "ingress" else "to")
            if peers and not blocks:
                peers = [peer for peer in peers if "ipBlock" not in peer]
                if not peers:
                    continue
            listening = pod if way == "ingress" else other
            reached = not peers or any(_is(cluster, peer, policy, other) for peer in peers)
            if reached and _at(rule.get("ports"), port, listening):
                return policy, f"spec.{way}[{number}]", rule
    return None


def _at(allowed: Sequence[Document] | None, port: int, listening: Manifest) -> bool:
    """Say whether a rule's ports, numbers or names of the listening pod's, include a port."""
    named = {
        one["name"]: one["containerPort"]
        for _, container in containers(listening)
        for one in container.get("ports") or ()
        if "name" in one
    }
    for one in allowed or ():
        first = one.get("port", port)
        number = named.get(first, 0) if isinstance(first, str) else first
        if number <= port <= one.get("endPort", number):
            return True
    return not allowed


def _is(cluster: Rendered, peer: Document, policy: Manifest, pod: Manifest) -> bool:
    if "ipBlock" in peer:
        block = ip_network(peer["ipBlock"]["cidr"])
        return any(block.overlaps(private) for private in PRIVATE)
    home = namespace(pod)
    if "namespaceSelector" in peer:
        there = next((one for one in cluster.of("Namespace") if name(one) == home), None)
        known = {"kubernetes.io/metadata.name": home, **(labels(there) if there is not None else {})}
        if not selects(peer["namespaceSelector"], known):
            return False
    elif home != namespace(policy):
        return False
    return selects(peer.get("podSelector"), pod_labels(pod))
