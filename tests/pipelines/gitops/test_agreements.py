"""What layers agree on, broken on purpose: calls, settings, objectives, projects' rights, facts; each is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.gitops import contract, projects, reachability
from pipelines.gitops.facts import clusters
from pipelines.gitops.judging import Rendered, findings
from pipelines.gitops.rendering import Estate, render_estate
from tests.pipelines.gitops.planting import CHART, CONTAINER, HERE, IN_CONTAINER, planted, told

pytestmark = pytest.mark.xdist_group("gitops")


@pytest.fixture(scope="module")
def estate() -> Estate:
    """Return everything that is deployed anywhere."""
    return render_estate()


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
        ("booking", {"sourceRepos": ["https://github.com/x/y.git"]}, "spec.source.repoURL", "among its sourceRepos"),
        ("booking", {"destinations": [{"name": "in-cluster", "namespace": "audit"}]}, "metadata.namespace", "booking"),
        ("booking", {"namespaceResourceWhitelist": []}, "kind", "may not make Rollout of argoproj.io"),
        ("booking", {"clusterResourceWhitelist": []}, "kind", "may not make Namespace of the core group"),
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
    (booking,) = (one for one in estate[HERE] if one.name == "AppProject argocd/booking")
    kinds = [*booking.document["spec"]["namespaceResourceWhitelist"], {"group": "", "kind": "Secret"}]
    cluster = planted(estate, booking.name, {"spec/namespaceResourceWhitelist": kinds})
    found = [one for one in findings(projects.faults([cluster])) if "Secret" in one.what]
    assert [(one.path, one.where.partition(": ")[0]) for one in found] == [
        ("gitops/charts/project/templates/project.yaml", "AppProject argocd/booking")
    ]


def test_facts_that_nobody_reads_are_told(tmp_path: Path) -> None:
    found = contract.facts(clusters(), tmp_path)
    assert {one.path for one in found} == {contract.BRIDGE}
    assert any("role-arn.<name>" in one.what for one in found)
    assert not any("careslot.health/account" in one.what for one in found)
