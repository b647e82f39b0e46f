"""What no schema sees: that what a document names is there, with the ports, labels and keys it is named by."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipelines.gitops.judging import (
    Document,
    Fault,
    Rendered,
    containers,
    kind,
    labels,
    name,
    namespace,
    pod_labels,
    pod_template,
    ports,
    selects,
)
from pipelines.gitops.rendering import UNBUILT, Manifest

PINNED = re.compile(r".+@sha256:[0-9a-f]{64}")
# EKS makes these service accounts' like itself; every namespace has them.
GIVEN_ACCOUNTS = frozenset({"default"})


def faults(cluster: Rendered) -> Iterator[Fault]:
    """Yield everything that names what is not there."""
    for manifest in cluster.manifests:
        if (judge := JUDGES.get(kind(manifest))) is not None:
            yield from judge(cluster, manifest)
        if pod_template(manifest) is not None:
            yield from _pods(cluster, manifest)
        yield from _home(cluster, manifest)
    yield from _twice(cluster)


def _pods(cluster: Rendered, manifest: Manifest) -> Iterator[Fault]:
    found = pod_template(manifest)
    assert found is not None
    path, template = found
    spec, home = template["spec"], namespace(manifest)
    selector = (manifest.document["spec"].get("selector") or {}) if kind(manifest) != "Job" else {}
    if not selects(selector, pod_labels(manifest)):
        yield Fault(manifest, "spec.selector", "selects other labels than the template's pods have")
    account = spec.get("serviceAccountName", "default")
    if account not in GIVEN_ACCOUNTS and ("ServiceAccount", home, account) not in cluster.documents:
        yield Fault(manifest, f"{path}.spec.serviceAccountName", f"there is no ServiceAccount {home}/{account}")
    for number, spread in enumerate(spec.get("topologySpreadConstraints") or ()):
        if not selects(spread.get("labelSelector"), pod_labels(manifest)):
            where = f"{path}.spec.topologySpreadConstraints[{number}].labelSelector"
            yield Fault(manifest, where, "selects other labels than the template's pods have")
    volumes = {volume["name"] for volume in spec.get("volumes") or ()}
    for where, container in containers(manifest):
        yield from _container(cluster, manifest, where, container, volumes)


def _container(
    cluster: Rendered, manifest: Manifest, where: str, container: Document, volumes: set[str]
) -> Iterator[Fault]:
    image = container.get("image", "")
    if not PINNED.fullmatch(image):
        yield Fault(manifest, f"{where}.image", f"{image} is not pinned", "name it by digest: registry/name@sha256:...")
    elif image.endswith(UNBUILT):
        yield Fault(manifest, f"{where}.image", "the digest of zeros is that of nothing built", "careslot release")
    own = {port["containerPort"] for port in container.get("ports") or ()}
    own |= {port["name"] for port in container.get("ports") or () if "name" in port}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        for way in ("httpGet", "tcpSocket", "grpc"):
            port = container.get(probe, {}).get(way, {}).get("port")
            if port is not None and port not in own:
                yield Fault(
                    manifest, f"{where}.{probe}.{way}.port", f"the container listens at {_list(own)}, not {port}"
                )
    for number, mount in enumerate(container.get("volumeMounts") or ()):
        if mount["name"] not in volumes:
            yield Fault(manifest, f"{where}.volumeMounts[{number}].name", f"there is no volume {mount['name']}")
    for number, variable in enumerate(container.get("env") or ()):
        reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
        if reference is not None and reference["key"] not in _keys(cluster, namespace(manifest), reference["name"]):
            told = f"no Secret {reference['name']} with the key {reference['key']} is made here"
            yield Fault(manifest, f"{where}.env[{number}].valueFrom.secretKeyRef", told, "see the ExternalSecret")


def _keys(cluster: Rendered, home: str, secret: str) -> set[str]:
    """Return the keys of a Secret that an ExternalSecret makes."""
    return {
        entry["secretKey"]
        for one in cluster.of("ExternalSecret")
        if namespace(one) == home and one.document["spec"].get("target", {}).get("name", name(one)) == secret
        for entry in one.document["spec"].get("data") or ()
    }


def _service(cluster: Rendered, manifest: Manifest) -> Iterator[Fault]:
    spec = manifest.document["spec"]
    behind = cluster.selected({"matchLabels": spec.get("selector") or {}}, namespace(manifest))
    # A migration's pods live for seconds and listen at nothing.
    behind = [one for one in behind if kind(one) not in {"Job", "CronJob"}]
    if not behind:
        yield Fault(manifest, "spec.selector", "selects no pods")
        return
    open_ones = set().union(*(ports(one) for one in behind))
    for number, port in enumerate(spec["ports"]):
        if (wanted := port.get("targetPort", port["port"])) not in open_ones:
            told = f"the pods behind it listen at {_list(open_ones)}, not {wanted}"
            yield Fault(manifest, f"spec.ports[{number}].targetPort", told)


def _binding(cluster: Rendered, manifest: Manifest) -> Iterator[Fault]:
    reference = manifest.document["spec"]["serviceRef"]
    service = cluster.documents.get(("Service", namespace(manifest), reference["name"]))
    if service is None:
        yield Fault(manifest, "spec.serviceRef.name", f"there is no Service {reference['name']}")
    elif reference["port"] not in (known := _service_ports(service)):
        yield Fault(manifest, "spec.serviceRef.port", f"the Service has {_list(known)}, not {reference['port']}")


def _monitor(cluster: Rendered, manifest: Manifest) -> Iterator[Fault]:
    spec = manifest.document["spec"]
    homes = spec.get("namespaceSelector", {}).get("matchNames", [namespace(manifest)])
    found = [one for one in cluster.of("Service") if namespace(one) in homes and selects(spec["selector"], labels(one))]
    if not found:
        yield Fault(manifest, "spec.selector", "selects no Service")
        return
    for number, endpoint in enumerate(spec["endpoints"]):
        if (port := endpoint.get("port")) and not any(port in _service_ports(one) for one in found):
            yield Fault(manifest, f"spec.endpoints[{number}].port", f"no Service it selects has a port {port}")


def _scaler(cluster: Rendered, manifest: Manifest) -> Iterator[Fault]:
    spec = manifest.document["spec"]
    target = spec["scaleTargetRef"]
    there = cluster.documents.get((target.get("kind", "Deployment"), namespace(manifest), target["name"]))
    if there is None or there.document["apiVersion"] != target.get("apiVersion", "apps/v1"):
        told = f"there is no {target.get('apiVersion', 'apps/v1')} {target.get('kind', 'Deployment')} {target['name']}"
        yield Fault(manifest, "spec.scaleTargetRef", told)
    low, high = ("minReplicas", "maxReplicas") if "minReplicas" in spec else ("minReplicaCount", "maxReplicaCount")
    if spec.get(low, 0) > spec.get(high, 0):
        yield Fault(manifest, f"spec.{low}", f"{spec.get(low)} is more than {high}, {spec.get(high)}")
    for number, trigger in enumerate(spec.get("triggers") or ()):
        reference = trigger.get("authenticationRef")
        if reference is None:
            continue
        wanted = reference.get("kind", "TriggerAuthentication")
        home = "" if wanted.startswith("Cluster") else namespace(manifest)
        if (wanted, home, reference["name"]) not in cluster.documents:
            where = f"spec.triggers[{number}].authenticationRef"
            yield Fault(manifest, where, f"there is no {wanted} {reference['name']}")


def _budget(cluster: Rendered, manifest: Manifest) -> Iterator[Fault]:
    if not cluster.selected(manifest.document["spec"].get("selector") or {}, namespace(manifest)):
        yield Fault(manifest, "spec.selector", "selects no pods")


def _network_policy(cluster: Rendered, manifest: Manifest) -> Iterator[Fault]:
    selector = manifest.document["spec"].get("podSelector") or {}
    if selector and not cluster.selected(selector, namespace(manifest)):
        yield Fault(manifest, "spec.podSelector", "selects no pods")


def _rollout(cluster: Rendered, manifest: Manifest) -> Iterator[Fault]:
    home = namespace(manifest)
    canary: Mapping[str, Any] = manifest.document["spec"].get("strategy", {}).get("canary") or {}
    groups = [("spec.strategy.canary.analysis", canary.get("analysis") or {})]
    for number, step in enumerate(canary.get("steps") or ()):
        groups.append((f"spec.strategy.canary.steps[{number}].analysis", step.get("analysis") or {}))
    for path, analysis in groups:
        for number, template in enumerate(analysis.get("templates") or ()):
            found = cluster.documents.get(("AnalysisTemplate", home, template["templateName"]))
            where = f"{path}.templates[{number}].templateName"
            if found is None:
                yield Fault(manifest, where, f"there is no AnalysisTemplate {template['templateName']}")
                continue
            wanted = {one["name"] for one in found.document["spec"].get("args") or () if "value" not in one}
            given = {one["name"] for one in analysis.get("args") or ()}
            if wanted - given:
                yield Fault(manifest, f"{path}.args", f"the template asks for {_list(wanted - given)} too")
    for role in ("canaryService", "stableService"):
        if role in canary and ("Service", home, canary[role]) not in cluster.documents:
            yield Fault(manifest, f"spec.strategy.canary.{role}", f"there is no Service {canary[role]}")


def _external_secret(cluster: Rendered, manifest: Manifest) -> Iterator[Fault]:
    store = manifest.document["spec"]["secretStoreRef"]
    home = "" if store["kind"] == "ClusterSecretStore" else namespace(manifest)
    if (store["kind"], home, store["name"]) not in cluster.documents:
        yield Fault(manifest, "spec.secretStoreRef", f"there is no {store['kind']} {store['name']}")


def _home(cluster: Rendered, manifest: Manifest) -> Iterator[Fault]:
    """Yield a document of a namespace that nobody makes: neither a manifest, nor Argo CD, nor Kubernetes itself."""
    home = namespace(manifest)
    if not home or home in {"argocd", "default", "kube-system"} or ("Namespace", "", home) in cluster.documents:
        return
    made = {
        one.document["spec"]["destination"].get("namespace")
        for one in cluster.of("Application")
        if "CreateNamespace=true" in one.document["spec"].get("syncPolicy", {}).get("syncOptions", ())
    }
    if home not in made:
        yield Fault(manifest, "metadata.namespace", f"nobody makes the namespace {home}")


def _twice(cluster: Rendered) -> Iterator[Fault]:
    counts = Counter((one.document["apiVersion"], one.name) for one in cluster.manifests)
    for manifest in cluster.manifests:
        if counts.pop((manifest.document["apiVersion"], manifest.name), 0) > 1:
            yield Fault(manifest, "metadata.name", "stands twice in the same cluster: one would undo the other")


def _service_ports(manifest: Manifest) -> set[str | int]:
    given = manifest.document["spec"]["ports"]
    return {port["port"] for port in given} | {port["name"] for port in given if "name" in port}


def _list(given: set[Any]) -> str:
    return ", ".join(sorted(map(str, given))) or "nothing"


JUDGES: Mapping[str, Callable[[Rendered, Manifest], Iterator[Fault]]] = {
    "ExternalSecret": _external_secret,
    "HorizontalPodAutoscaler": _scaler,
    "NetworkPolicy": _network_policy,
    "PodDisruptionBudget": _budget,
    "Rollout": _rollout,
    "ScaledObject": _scaler,
    "Service": _service,
    "ServiceMonitor": _monitor,
    "TargetGroupBinding": _binding,
}
