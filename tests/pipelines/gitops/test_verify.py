"""`careslot verify gitops`: what is rendered is fine, and every planted mistake is told with file and path."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.gitops import references, schemas
from pipelines.gitops.facts import ROOT
from pipelines.gitops.rendering import Estate, render_estate
from pipelines.gitops.verify import check
from tests.pipelines.gitops.planting import CHART, CONTAINER, IN_CONTAINER, planted, told

pytestmark = pytest.mark.xdist_group("gitops")


@pytest.fixture(scope="module")
def estate() -> Estate:
    """Return everything that is deployed anywhere."""
    return render_estate()


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
