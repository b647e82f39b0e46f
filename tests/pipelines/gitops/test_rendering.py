"""What reaches clusters: every core service everywhere, told what its settings read and nothing else, and no blind
spot where a name is wrong."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest
import yaml
from pydantic_settings import BaseSettings

from environments.model import load_environment, names
from infra.components.gitops_bridge import PATH, annotation_names, repository_url
from pipelines.gitops.facts import ROOT, clusters
from pipelines.gitops.rendering import BOOTSTRAP, SAMPLE, UNBUILT, Manifest, render, render_estate, unbuilt
from services.contracts.catalogue import load_catalogue
from services.contracts.topology import DIRECT_QUEUES, SUBSCRIPTIONS
from services.kernel.errors import Invalid, NotFound

pytestmark = pytest.mark.xdist_group("gitops")
INSIDE = {name: service for name, service in load_catalogue().items() if service.runs_on == "eks"}
CLUSTERS = [(name, region) for name in names() for region in load_environment(name).regions]
CHART = ROOT / "gitops" / "charts" / "service"
# What a process needs beside its settings.
AWS = {"AWS_REGION"}


def of(service: str, kind: str, environment: str = "dev", region: str = "us-east-1") -> list[dict[str, Any]]:
    """Return the documents of a kind that a service has in a cluster."""
    found = render(environment, region)
    return [m.document for m in found if m.service == service and m.document["kind"] == kind]


def one(service: str, kind: str, environment: str = "dev", region: str = "us-east-1") -> dict[str, Any]:
    """Return the one document of a kind that a service has in a cluster."""
    (document,) = of(service, kind, environment, region)
    return document


def told(service: str, environment: str = "dev", region: str = "us-east-1") -> dict[str, str | None]:
    """Return a process's variables; those from a Secret have no value here."""
    (container,) = one(service, "Rollout", environment, region)["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable.get("value") for variable in container["env"]}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of what Argo CD reads, to plant faults in."""
    for folder in ("gitops", "services/contracts/catalogue", "policies/admission"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def planted(root: Path, file: str, before: str, after: str) -> None:
    """Change a file of a copy; what is changed is there."""
    text = (root / file).read_text("utf-8")
    assert before in text
    (root / file).write_text(text.replace(before, after), "utf-8")


def test_every_core_service_runs_in_every_cluster() -> None:
    estate = render_estate()
    assert set(estate) == set(CLUSTERS)
    for found in estate.values():
        assert {m.document["metadata"]["name"] for m in found if m.document["kind"] == "Rollout"} == set(INSIDE)
    with pytest.raises(NotFound, match="dev us-east-1"):
        render("dev", "us-west-2")


@pytest.mark.parametrize("service", sorted(INSIDE))
def test_a_process_is_told_what_its_settings_read_and_nothing_else(service: str) -> None:
    settings: type[BaseSettings] = importlib.import_module(f"services.{service}.settings").Settings
    known = {f"CARESLOT_{field.upper()}": info for field, info in settings.model_fields.items()}
    for environment, region in CLUSTERS:
        names_told = set(told(service, environment, region)) - AWS
        assert names_told <= set(known)
        assert {name for name, info in known.items() if info.is_required()} <= names_told


@pytest.mark.parametrize("service", sorted(INSIDE))
def test_secrets_come_from_secrets_manager_and_none_stands_in_a_manifest(service: str) -> None:
    (container,) = one(service, "Rollout")["spec"]["template"]["spec"]["containers"]
    referred = {v["valueFrom"]["secretKeyRef"]["key"] for v in container["env"] if "valueFrom" in v}
    assert referred == set(INSIDE[service].secrets)
    kept = {e["secretKey"]: e["remoteRef"]["key"] for s in of(service, "ExternalSecret") for e in s["spec"]["data"]}
    assert kept == {secret: f"careslot-dev-{service}-{secret}" for secret in INSIDE[service].secrets}
    assert not of(service, "Secret")


def test_services_reach_each_other_where_the_catalogue_says_and_nowhere_else() -> None:
    for cluster in CLUSTERS:
        policies = [m.document for m in render(*cluster) if m.document["kind"] == "NetworkPolicy"]
        assert _pairs(policies, "egress", "to") == _pairs(policies, "ingress", "from")
        assert _pairs(policies, "egress", "to") == {
            (name, callee, INSIDE[callee].port)
            for name, service in INSIDE.items()
            for callee in service.calls
            if callee in INSIDE
        }


def _pairs(policies: list[dict[str, Any]], direction: str, peers: str) -> set[tuple[str, str, int]]:
    """Return who may talk to whom on which port, among services."""
    found = set()
    for policy in policies:
        for rule in policy["spec"].get(direction, []):
            for peer in rule[peers]:
                other = peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name")
                if other in INSIDE:
                    assert peer["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": other}
                    own = policy["metadata"]["namespace"]
                    pair = (own, other) if direction == "egress" else (other, own)
                    found |= {(*pair, port["port"]) for port in rule["ports"]}
    return found


def test_every_namespace_of_a_service_denies_what_nobody_allowed() -> None:
    for service in INSIDE:
        (denied,) = [p for p in of(service, "NetworkPolicy") if p["metadata"]["name"] == "default-deny"]
        assert denied["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        assert denied["metadata"]["namespace"] == service


@pytest.mark.parametrize("service", sorted(INSIDE))
def test_pods_have_no_privilege_and_run_one_image_by_digest(service: str) -> None:
    pods = [d["spec"]["template"]["spec"] for kind in ("Rollout", "Job") for d in of(service, kind)]
    assert len(pods) == 2
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["image"] == f"111122223333.dkr.ecr.us-east-1.amazonaws.com/careslot/{service}@{SAMPLE}"
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]["limits"]) == {"cpu", "memory"}


def test_only_the_region_that_serves_migrates_and_only_the_one_behind_it_waits() -> None:
    assert of("booking", "Job", "prod", "us-east-1")
    assert not of("booking", "Job", "prod", "us-west-2")
    first = one("booking", "Rollout", "prod", "us-east-1")["spec"]["strategy"]["canary"]
    second = one("booking", "Rollout", "prod", "us-west-2")["spec"]["strategy"]["canary"]
    assert second["steps"] == [{"setWeight": 0}, {"pause": {"duration": "30m"}}, *first["steps"]]
    # The analysis starts when pods of the canary answer, not when the region waits.
    assert (first["analysis"]["startingStep"], second["analysis"]["startingStep"]) == (1, 3)


def test_a_wave_waits_until_the_region_before_it_is_done() -> None:
    first = one("booking", "Rollout", "prod", "us-east-1")["spec"]["strategy"]["canary"]["steps"]
    second = one("booking", "Rollout", "prod", "us-west-2")["spec"]["strategy"]["canary"]["steps"]
    own = sum(int(step["pause"]["duration"].removesuffix("m")) for step in first if "pause" in step)
    assert int(second[1]["pause"]["duration"].removesuffix("m")) > own


def test_services_scale_by_the_queues_they_poll_and_standbys_keep_a_warm_floor() -> None:
    for name, service in INSIDE.items():
        queues = {s.queue for s in SUBSCRIPTIONS if s.service == name and s.runs == "process"}
        queues |= {queue.queue for queue in DIRECT_QUEUES if queue.service == name}
        scalers = of(name, "ScaledObject", "prod", "us-west-2")
        triggers = [trigger for scaler in scalers for trigger in scaler["spec"]["triggers"]]
        polled = {t["metadata"]["queueURL"].rpartition("/")[2] for t in triggers if t["type"] == "aws-sqs-queue"}
        assert polled == queues
        assert all(trigger["type"] != "cron" for trigger in triggers)
        floors = [scaler["spec"]["minReplicaCount"] for scaler in scalers]
        floors += [hpa["spec"]["minReplicas"] for hpa in of(name, "HorizontalPodAutoscaler", "prod", "us-west-2")]
        assert floors == [service.scaling.min]
    (clock,) = [t for t in one("booking", "ScaledObject")["spec"]["triggers"] if t["type"] == "cron"]
    assert clock["metadata"]["desiredReplicas"] == str(INSIDE["booking"].scaling.working_hours)


@pytest.mark.parametrize(
    ("environment", "group"), [("dev", "eks.amazonaws.com/v1"), ("staging", "elbv2.k8s.aws/v1beta1")]
)
def test_pods_join_the_target_group_that_infra_made(environment: str, group: str) -> None:
    (cluster,) = [c for c in clusters() if c.environment == environment]
    binding = one("booking", "TargetGroupBinding", environment)
    assert binding["apiVersion"] == group
    assert binding["spec"]["targetGroupARN"] == cluster.annotations["careslot.health/target-group-arn.booking"]


def test_what_runs_on_fargate_shows_a_token_and_what_runs_on_nodes_has_an_agent() -> None:
    role = "eks.amazonaws.com/role-arn"
    assert one("audit", "ServiceAccount")["metadata"]["annotations"][role].startswith("arn:aws:iam::111122223333:role/")
    assert role not in one("booking", "ServiceAccount")["metadata"]["annotations"]


def test_applications_keep_to_their_projects() -> None:
    for cluster in CLUSTERS:
        found = render(*cluster)
        projects = {m.document["metadata"]["name"]: m.document["spec"] for m in found if _is(m, "AppProject")}
        allowed = {(p, d["namespace"]) for p, spec in projects.items() for d in spec["destinations"]}
        for application in (m.document["spec"] for m in found if _is(m, "Application")):
            assert (application["project"], application["destination"]["namespace"]) in allowed
            assert application["source"]["repoURL"] in projects[application["project"]]["sourceRepos"]
        assert not any("*" in json.dumps(spec) for spec in projects.values())
        for name, service in INSIDE.items():
            inside = {callee for callee in service.calls if callee in INSIDE}
            assert {d["namespace"] for d in projects[name]["destinations"]} == {name} | inside


def test_projects_name_the_repository_that_argo_cd_follows() -> None:
    followed = {repository_url(load_environment(name).github.repository) for name in names()}
    projects = {m.document["metadata"]["name"]: m.document["spec"] for m in render("dev", "us-east-1")
                if _is(m, "AppProject")}  # fmt: skip
    ours = {name for name, spec in projects.items() if set(spec["sourceRepos"]) == followed}
    assert ours == projects.keys() - {"addons"}


def _is(manifest: Manifest, kind: str) -> bool:
    return bool(manifest.document["kind"] == kind)


def test_nothing_is_pruned_blindly_in_production() -> None:
    for environment, region in CLUSTERS:
        for manifest in render(environment, region):
            if _is(manifest, "Application"):
                automated = manifest.document["spec"]["syncPolicy"]["automated"]
                assert automated == {"selfHeal": True, "prune": environment != "prod"}, manifest.name


def test_charts_of_others_are_pinned_to_one_version() -> None:
    for cluster in CLUSTERS:
        charts = [m.document["spec"]["source"] for m in render(*cluster) if "chart" in _source(m)]
        assert len(charts) >= 6
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", chart["targetRevision"]) for chart in charts)
    staging = {m.document["metadata"]["name"] for m in render("staging", "us-east-1") if "chart" in _source(m)}
    assert {"aws-load-balancer-controller", "cluster-autoscaler"} <= staging


def _source(manifest: Manifest) -> Mapping[str, Any]:
    document = manifest.document
    return document["spec"]["source"] if document["kind"] == "Application" else {}


def test_gitops_asks_for_every_fact_that_infra_writes_and_no_other() -> None:
    written = {name.removeprefix("careslot.health/") for c in clusters() for name in c.annotations}
    assert written == annotation_names(INSIDE, ["booking", "shared"])
    texts = [file.read_text("utf-8") for file in (ROOT / "gitops" / "applicationsets").glob("*.yaml")]
    asked = {fact for text in texts for fact in re.findall(r'"careslot\.health/([a-z-]+)(?:\.%s)?"', text)}
    parts = [yaml.safe_load(file.read_text("utf-8")) for file in (ROOT / "gitops/platform").glob("*/*/*.yaml")]
    asked |= {fact for part in parts if "facts" in part for fact in part["facts"].values()}
    labels = {"environment", "compute"}
    # Told to people who look at the Secret, and asked for by no chart.
    unasked = {"account", "domain"}
    assert {fact.partition(".")[0] for fact in written} - unasked == asked - labels | {"compute"}


def test_the_bootstrap_is_where_the_bridge_says() -> None:
    assert BOOTSTRAP == PATH


def test_a_service_that_nobody_built_has_no_application(copied: Path) -> None:
    assert "gitops/releases/prod/audit.yaml" in unbuilt()
    selectors = [
        m.document["spec"]["generators"][0]["matrix"]["generators"][1]["selector"]
        for m in render("prod", "us-east-1", copied)
        if m.name == "ApplicationSet argocd/services"
    ]
    assert selectors == [{"matchExpressions": [{"key": "digest", "operator": "NotIn", "values": [UNBUILT]}]}]


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("gitops/releases/dev/audit.yaml", "sha256:", "sha512:", "digest"),
        ("gitops/applicationsets/services.yaml", "/role-arn.%s", "/rolearn.%s", "roleArn"),
        ("gitops/applicationsets/services.yaml", ".catalogue.path.path }}", ".catalog.path.path }}", ".catalog.path"),
        ("gitops/applicationsets/services.yaml", "[missingkey=error]", "[]", "missingkey=error"),
        ("services/contracts/catalogue/audit.yaml", "port: 8105", "port: 80", "port"),
        ("gitops/charts/service/templates/rollout.yaml", "service.image", "service.imag", "service.imag"),
    ],
)
def test_what_is_wrong_fails_with_its_place(copied: Path, file: str, before: str, after: str, said: str) -> None:
    planted(copied, file, before, after)
    with pytest.raises(Invalid, match=re.escape(said)):
        render("dev", "us-east-1", copied)


def test_the_schema_of_the_charts_values_is_a_schema() -> None:
    schemas = list((ROOT / "gitops" / "charts").glob("*/values.schema.json"))
    assert len(schemas) == 4
    for schema in schemas:
        jsonschema.Draft202012Validator.check_schema(json.loads(schema.read_text("utf-8")))
