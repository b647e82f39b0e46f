"""`careslot verify gitops`: what is rendered is fine, and every planted mistake is told with file and path."""

from __future__ import annotations

import copy
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.gitops import contract, projects, reachability, references, schemas
from pipelines.gitops.facts import ROOT, clusters
from pipelines.gitops.judging import Fault, Rendered, findings
from pipelines.gitops.rendering import Estate, Manifest, render_estate
from pipelines.gitops.verify import check

pytestmark = pytest.mark.xdist_group("gitops")
CHART = "gitops/charts/service/templates"
HERE = ("prod", "us-east-1")
Judge = Callable[[Rendered], Iterator[Fault]]


@pytest.fixture(scope="module")
def estate() -> Estate:
    """Return everything that is deployed anywhere."""
    return render_estate()


def planted(estate: Estate, name: str, changes: dict[str, Any]) -> Rendered:
    """Return a cluster with other values at paths of a document; None takes away, no changes the whole document."""
    found: list[Manifest] = []
    for manifest in estate[HERE]:
        if manifest.name == name:
            if not changes:
                continue
            manifest = dataclasses.replace(manifest, document=copy.deepcopy(manifest.document))  # noqa: PLW2901
            _change(manifest.document, changes)
        found.append(manifest)
    assert (len(found) < len(estate[HERE])) is not bool(changes), f"there is no {name}"
    return Rendered(*HERE, tuple(found))


def _change(document: dict[str, Any], changes: dict[str, Any]) -> None:
    for path, value in changes.items():
        at: Any = document
        *way, last = [int(key) if key.isdigit() else key for key in path.split("/")]
        for key in way:
            at = at[key]
        if value is None:
            del at[last]
        else:
            at[last] = value


def told(cluster: Rendered, judge: Judge) -> list[tuple[str, str, str]]:
    """Return file, place and words of what a judge finds in a cluster."""
    return [(one.path, one.where, one.what) for one in findings((cluster, fault) for fault in judge(cluster))]


def test_what_is_deployed_is_fine(shared: Callable[[str], Path]) -> None:
    shared("schemas/crds")
    assert [str(finding) for finding in check()] == []


@pytest.mark.parametrize(
    ("name", "changes", "file", "where", "what"),
    [
        ("Rollout booking/booking", {"spec/revisionHistoryLimt": 3}, "rollout", "spec", "revisionHistoryLimt"),
        (
            "ScaledObject booking/booking",
            {"spec/triggers/0/metaData": {}},
            "scaling",
            "spec.triggers[0]",
            "metaData",
        ),
        ("Service booking/booking", {"spec/ports/0/port": "80"}, "service", "spec.ports[0].port", "not of type"),
        ("Job booking/booking-migrations", {"spec/backofLimit": 1}, "migrations", "spec", "backofLimit"),
        ("Rollout booking/booking", {"apiVersion": "argoproj.io/v1"}, "rollout", "kind", "no schema is known"),
        (
            "Rollout booking/booking",
            {"spec/template/spec/containers/0/resources/limits/memory": "512 MB"},
            "rollout",
            "spec.template.spec.containers[0].resources.limits.memory",
            "no quantity",
        ),
    ],
)
def test_what_no_schema_has_is_told(
    estate: Estate, shared: Callable[[str], Path], name: str, changes: dict[str, Any], file: str, where: str, what: str
) -> None:
    shared("schemas/crds")
    ((path, place, words),) = told(planted(estate, name, changes), schemas.faults)
    assert path == f"{CHART}/{file}.yaml"
    assert place == f"{name}: {where}"
    assert what in words
    assert words.endswith("[prod us-east-1]")


CONTAINER = "spec/template/spec/containers/0"
IN_CONTAINER = "spec.template.spec.containers[0]"


@pytest.mark.parametrize(
    ("name", "changes", "file", "where", "what"),
    [
        ("Service", {"spec/ports/0/targetPort": 8999}, "service", "spec.ports[0].targetPort", "listen at 8103, http"),
        ("Service", {"spec/selector": {"app.kubernetes.io/name": "bookin"}}, "service", "spec.selector", "no pods"),
        ("Rollout", {f"{CONTAINER}/image": "r/booking:v1"}, "rollout", f"{IN_CONTAINER}.image", "not pinned"),
        (
            "Rollout",
            {f"{CONTAINER}/image": f"r/booking@sha256:{'0' * 64}"},
            "rollout",
            f"{IN_CONTAINER}.image",
            "nothing built",
        ),
        (
            "Rollout",
            {f"{CONTAINER}/readinessProbe/httpGet/port": "https"},
            "rollout",
            f"{IN_CONTAINER}.readinessProbe.httpGet.port",
            "not https",
        ),
        (
            "Rollout",
            {"spec/selector/matchLabels": {"app.kubernetes.io/name": "other"}},
            "rollout",
            "spec.selector",
            "other labels",
        ),
        (
            "Rollout",
            {"spec/template/spec/serviceAccountName": "nobody"},
            "rollout",
            "spec.template.spec.serviceAccountName",
            "there is no ServiceAccount booking/nobody",
        ),
        (
            "Rollout",
            {f"{CONTAINER}/volumeMounts/0/name": "scrach"},
            "rollout",
            f"{IN_CONTAINER}.volumeMounts[0].name",
            "no volume scrach",
        ),
        (
            "Rollout",
            {"spec/strategy/canary/analysis/templates/0/templateName": "nope"},
            "rollout",
            "spec.strategy.canary.analysis.templates[0].templateName",
            "no AnalysisTemplate nope",
        ),
        (
            "Rollout",
            {"spec/strategy/canary/analysis/args": None},
            "rollout",
            "spec.strategy.canary.analysis.args",
            "asks for canary",
        ),
        (
            "PodDisruptionBudget",
            {"spec/selector/matchLabels": {"app.kubernetes.io/name": "nope"}},
            "rollout",
            "spec.selector",
            "selects no pods",
        ),
        (
            "ScaledObject",
            {"spec/scaleTargetRef/kind": "Deployment"},
            "scaling",
            "spec.scaleTargetRef",
            "there is no argoproj.io/v1alpha1 Deployment booking",
        ),
        ("ScaledObject", {"spec/minReplicaCount": 99}, "scaling", "spec.minReplicaCount", "99 is more than"),
        (
            "ScaledObject",
            {"spec/triggers/1/authenticationRef/name": "gcp"},
            "scaling",
            "spec.triggers[1].authenticationRef",
            "no ClusterTriggerAuthentication gcp",
        ),
        ("ServiceMonitor", {"spec/endpoints/0/port": "metrics"}, "service", "spec.endpoints[0].port", "metrics"),
        ("ServiceMonitor", {"spec/selector/matchLabels": {"a": "b"}}, "service", "spec.selector", "no Service"),
        ("TargetGroupBinding", {"spec/serviceRef/port": "web"}, "service", "spec.serviceRef.port", "not web"),
        ("ExternalSecret", {"spec/secretStoreRef/name": "gcp"}, "identity", "spec.secretStoreRef", "gcp"),
        ("Service", {"metadata/namespace": "nowhere"}, "service", "metadata.namespace", "nobody makes the namespace"),
    ],
)
def test_what_names_what_is_not_there_is_told(
    estate: Estate, name: str, changes: dict[str, Any], file: str, where: str, what: str
) -> None:
    cluster = planted(estate, f"{name} booking/booking", changes)
    assert any(
        path == f"{CHART}/{file}.yaml" and place.endswith(f"booking: {where}") and what in words
        for path, place, words in told(cluster, references.faults)
    ), told(cluster, references.faults)


def test_a_secret_that_nobody_makes_is_told(estate: Estate) -> None:
    found = told(planted(estate, "ExternalSecret booking/booking", {}), references.faults)
    assert len(found) >= 1
    assert all("no Secret booking with the key" in what for _, _, what in found)


def test_what_stands_twice_is_told(estate: Estate) -> None:
    cluster = planted(estate, "Service audit/audit", {"metadata/name": "booking", "metadata/namespace": "booking"})
    assert any("stands twice" in what for _, _, what in told(cluster, references.faults))


@pytest.mark.parametrize(
    ("name", "changes", "place", "what"),
    [
        ("NetworkPolicy booking/default-deny", {}, "Namespace booking", "no NetworkPolicy that denies by default"),
        (
            "NetworkPolicy booking/default-deny",
            {"spec/egress": [{"to": [{"podSelector": {}}], "ports": [{"port": 80}]}]},
            "Namespace booking",
            "no NetworkPolicy that denies by default",
        ),
        ("NetworkPolicy booking/to-availability", {}, "Rollout booking/booking", "lets it out to availability's port"),
        (
            "NetworkPolicy availability/from-booking",
            {},
            "Rollout availability/availability",
            "is called by booking, but no NetworkPolicy lets booking in",
        ),
        (
            "NetworkPolicy booking/to-availability",
            {"spec/egress/0/ports/0/port": 8199},
            "Rollout booking/booking",
            "lets it out to availability's port",
        ),
        (
            "NetworkPolicy booking/booking",
            {"spec/egress/0/ports": None},
            "NetworkPolicy booking/booking: spec.egress[0]",
            "has no ports: it lets everything through",
        ),
    ],
)
def test_calls_pass_and_nothing_else(estate: Estate, name: str, changes: dict[str, Any], place: str, what: str) -> None:
    found = told(planted(estate, name, changes), reachability.faults)
    assert any(at == place and what in words for _, at, words in found), found


def test_a_passage_that_nobody_calls_is_told(estate: Estate) -> None:
    anywhere = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "audit"}}, "podSelector": {}}
    cluster = planted(
        estate,
        "NetworkPolicy booking/to-availability",
        {"spec/egress/0/to": [anywhere], "spec/egress/0/ports": [{"port": 1, "endPort": 65535}]},
    )
    found = told(cluster, reachability.faults)
    # The called one's half still keeps booking out of audit, but for the VPC's addresses, which pods have.
    assert (f"{CHART}/network.yaml", "NetworkPolicy booking/to-availability: spec.egress[0]") in {
        (path, place) for path, place, _ in found
    }
    assert any("lets booking reach audit, which it does not call" in what for _, _, what in found)


@pytest.mark.parametrize(
    ("variable", "what"),
    [
        ("CARESLOT_OFFER_KEY", "is no setting of services/booking/settings.py"),
        ("CARESLOT_PORT", "OFFER_KEYS is missing"),
    ],
)
def test_variables_are_the_settings(estate: Estate, variable: str, what: str) -> None:
    (rollout,) = (one for one in estate[HERE] if one.name == "Rollout booking/booking")
    given = rollout.document["spec"]["template"]["spec"]["containers"][0]["env"]
    changed = [{**one, "name": variable} if one["name"] == "CARESLOT_OFFER_KEYS" else one for one in given]
    cluster = planted(estate, rollout.name, {f"{CONTAINER}/env": changed})
    only = Rendered(*HERE, tuple(one for one in cluster.manifests if one.name == rollout.name))
    found = told(only, contract.settings)
    assert all(place.startswith(f"{rollout.name}: {IN_CONTAINER}.env") for _, place, _ in found)
    assert any(what in words for _, _, words in found), found


def test_a_service_without_rules_for_its_objectives_is_told(estate: Estate) -> None:
    found = told(planted(estate, "PrometheusRule monitoring/slos-booking", {}), contract.objectives)
    assert [place for _, place, _ in found] == ["Rollout booking/booking"]


@pytest.mark.parametrize(
    ("project", "changes", "where", "what"),
    [
        ("services", {"sourceRepos": ["https://github.com/x/y.git"]}, "spec.source.repoURL", "among its sourceRepos"),
        ("services", {"destinations": [{"name": "in-cluster", "namespace": "audit"}]}, "metadata.namespace", "booking"),
        ("services", {"namespaceResourceWhitelist": []}, "kind", "may not make Rollout of argoproj.io"),
        ("services", {"clusterResourceWhitelist": []}, "kind", "may not make Namespace of the core group"),
    ],
)
def test_what_a_project_does_not_allow_is_told(
    estate: Estate, project: str, changes: dict[str, Any], where: str, what: str
) -> None:
    paths = {f"spec/{key}": value for key, value in changes.items()}
    cluster = planted(estate, f"AppProject argocd/{project}", paths)
    found = findings(projects.faults([cluster]))
    assert any(one.where.endswith(f": {where}") and what in one.what for one in found), found


def test_what_a_project_allows_for_nothing_is_told(estate: Estate) -> None:
    (services,) = (one for one in estate[HERE] if one.name == "AppProject argocd/services")
    kinds = [*services.document["spec"]["namespaceResourceWhitelist"], {"group": "", "kind": "Secret"}]
    cluster = planted(estate, services.name, {"spec/namespaceResourceWhitelist": kinds})
    found = [one for one in findings(projects.faults([cluster])) if "Secret" in one.what]
    assert [(one.path, one.where.partition(": ")[0]) for one in found] == [
        ("gitops/projects/services.yaml", "AppProject argocd/services")
    ]


def test_mistakes_in_files_are_told_with_file_and_path(tmp_path: Path, shared: Callable[[str], Path]) -> None:
    shared("schemas/crds")
    for folder in ("gitops", "services/contracts/catalogue", "policies/admission"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file, before, after in (
        ("rollout", "revisionHistoryLimit", "revisionHistoryLimt"),
        ("service", "targetPort: http", "targetPort: web"),
        ("network", "policyTypes: [Ingress, Egress]\n---", "policyTypes: [Ingress]\n---"),
        ("_names", "@{{ .Values.digest }}", ":latest"),
    ):
        (path,) = (tmp_path / CHART).glob(f"{file}.*")
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, after, 1), "utf-8")
    services = tmp_path / "gitops/applicationsets/services.yaml"
    services.write_text(services.read_text("utf-8") + '# annotations "careslot.health/nobody-writes"\n', "utf-8")
    found = check(tmp_path)
    assert {(one.path, one.where) for one in found if "booking" in one.where or not one.where.startswith("R")} >= {
        (f"{CHART}/rollout.yaml", "Rollout booking/booking: spec"),
        (f"{CHART}/service.yaml", "Service booking/booking: spec.ports[0].targetPort"),
        (f"{CHART}/namespace.yaml", "Namespace booking"),
        (f"{CHART}/rollout.yaml", "Rollout booking/booking: spec.template.spec.containers[0].image"),
    }
    (unwritten,) = (one for one in found if "nobody-writes" in one.what)
    assert unwritten.path == "gitops/applicationsets/services.yaml"


def test_facts_that_nobody_reads_are_told(tmp_path: Path) -> None:
    found = contract.facts(clusters(), tmp_path)
    assert {one.path for one in found} == {contract.BRIDGE}
    assert any("role-arn.<name>" in one.what for one in found)
    assert not any("careslot.health/account" in one.what for one in found)
