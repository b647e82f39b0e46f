"""The GitOps bridge: Argo CD in the cluster, and the facts of the estate written where its ApplicationSets read them.

Infra writes ids and ARNs as annotations of the cluster's Secret, gitops fills its charts with them; neither knows more
of the other. ``annotation_names`` is the whole contract: a test compares it with what the ApplicationSets ask for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.components.base import Component, Scope
from services.kernel.errors import Invalid

NAMESPACE = "argocd"
CLUSTER = "in-cluster"
CHART, CHART_VERSION = "argo-cd", "9.5.14"
CHARTS = "https://argoproj.github.io/argo-helm"
GROUP = "careslot.health"
# Where in the repository everything else begins.
PATH = "gitops/bootstrap"
REPLICAS = 2
# Facts every cluster has, and what each is.
FACTS: Mapping[str, str] = {
    "account": "AWS account id",
    "bus": "name of the event bus",
    "cluster": "name of the EKS cluster",
    "domain": "the environment's domain",
    "entrance": "address under which services reach each other by name",
    "region": "AWS region",
    "registry": "registry and prefix of images",
    "token-audiences": "app client ids whose tokens are accepted",
    "token-issuer": "issuer of tokens: the Cognito user pool",
    "user-pool-id": "id of the Cognito user pool",
    "vpc-id": "id of the VPC",
}
SERVICE_FACTS: Mapping[str, str] = {
    "role-arn": "role that the service's pods take",
    "target-group-arn": "target group that the service's pods are bound to",
}
DATABASE_FACTS: Mapping[str, str] = {"database-endpoint": "writer of the Aurora cluster"}


def annotation_names(services: Collection[str], databases: Collection[str]) -> frozenset[str]:
    """Return the names of all annotations (without the group) for services in the cluster and Aurora clusters."""
    per_service = {f"{fact}.{service}" for fact in SERVICE_FACTS for service in services}
    per_database = {f"{fact}.{database}" for fact in DATABASE_FACTS for database in databases}
    return frozenset(FACTS) | per_service | per_database


@dataclass(frozen=True, slots=True)
class GitOpsBridgeArgs:
    """``facts`` are the annotations' values by name, exactly those of ``annotation_names(services, databases)``.

    ``repository`` is GitHub's ``owner/name``, ``revision`` the branch or tag that Argo CD follows.
    """

    repository: str
    revision: str
    services: Collection[str]
    databases: Collection[str]
    facts: Mapping[str, pulumi.Input[str]]


class GitOpsBridge(Component):
    """Argo CD, the cluster's Secret, and the one Application that brings all others."""

    data_class = "internal"
    argo_cd_version: pulumi.Output[str | None]

    def __init__(self, name: str, scope: Scope, args: GitOpsBridgeArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        wanted = annotation_names(args.services, args.databases)
        if wanted != set(args.facts):
            missing, more = sorted(wanted - set(args.facts)), sorted(set(args.facts) - wanted)
            raise Invalid(f"the bridge's facts are not those of its contract: missing {missing}, unheard of {more}")
        namespace = kubernetes.core.v1.Namespace(
            name,
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=NAMESPACE, labels={"pod-security.kubernetes.io/enforce": "restricted"}
            ),
            opts=self.child(),
        )
        argo = kubernetes.helm.v3.Release(
            f"{name}-argo-cd",
            name=CHART,
            chart=CHART,
            version=CHART_VERSION,
            namespace=NAMESPACE,
            repository_opts=kubernetes.helm.v3.RepositoryOptsArgs(repo=CHARTS),
            atomic=True,
            values=_values(scope),
            opts=self.child(depends_on=[namespace]),
        )
        self.argo_cd_version = argo.version
        # The Secret before the Application: an ApplicationSet without facts renders nothing worth having.
        self._begin(argo, self._facts(argo))
        self.registered()

    def _facts(self, argo: pulumi.Resource) -> pulumi.Resource:
        scope = self.scope
        labels = {
            "argocd.argoproj.io/secret-type": "cluster",
            f"{GROUP}/environment": scope.environment.name,
            f"{GROUP}/region": scope.region,
        }
        return kubernetes.core.v1.Secret(
            f"{self.name}-cluster",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=CLUSTER,
                namespace=NAMESPACE,
                labels=labels,
                annotations={f"{GROUP}/{fact}": value for fact, value in sorted(self.args.facts.items())},
            ),
            # Argo CD works in its own cluster with its own service account: there is no credential to keep.
            string_data={"name": CLUSTER, "server": "https://kubernetes.default.svc", "config": "{}"},
            opts=self.child(depends_on=[argo]),
        )

    def _begin(self, argo: pulumi.Resource, facts: pulumi.Resource) -> None:
        here = f"https://github.com/{self.args.repository}.git"
        own = [{"group": "argoproj.io", "kind": kind} for kind in ("AppProject", "Application", "ApplicationSet")]
        project = kubernetes.apiextensions.CustomResource(
            f"{self.name}-project",
            api_version="argoproj.io/v1alpha1",
            kind="AppProject",
            metadata={"name": "bootstrap", "namespace": NAMESPACE},
            spec={
                "description": "Brings the projects and ApplicationSets, and may make nothing else",
                "sourceRepos": [here],
                "destinations": [{"name": CLUSTER, "namespace": NAMESPACE}],
                "clusterResourceWhitelist": [],
                "namespaceResourceWhitelist": own,
            },
            opts=self.child(depends_on=[argo]),
        )
        kubernetes.apiextensions.CustomResource(
            f"{self.name}-bootstrap",
            api_version="argoproj.io/v1alpha1",
            kind="Application",
            metadata={"name": "bootstrap", "namespace": NAMESPACE},
            spec={
                "project": "bootstrap",
                "source": {"repoURL": here, "targetRevision": self.args.revision, "path": PATH},
                "destination": {"name": CLUSTER, "namespace": NAMESPACE},
                "syncPolicy": {
                    # What vanished from the repository by mistake must not vanish from a cluster by itself.
                    "automated": {"prune": not self.scope.environment.protected, "selfHeal": True},
                    "syncOptions": ["ServerSideApply=true"],
                },
            },
            opts=self.child(depends_on=[project, facts]),
        )


def _values(scope: Scope) -> Mapping[str, object]:
    """Return the chart's values: no local administrator, reached by port-forward, resources known by annotation."""
    twice = {"replicas": REPLICAS if scope.environment.protected else 1}
    return {
        "configs": {
            "cm": {
                "admin.enabled": False,
                "application.resourceTrackingMethod": "annotation",
                "resource.respectRBAC": "strict",
            },
            "params": {"controller.diff.server.side": "true", "applicationsetcontroller.policy": "create-update"},
            "rbac": {"policy.default": ""},
        },
        "dex": {"enabled": False},
        "notifications": {"enabled": False},
        "redis-ha": {"enabled": scope.environment.protected},
        "server": {**twice, "service": {"type": "ClusterIP"}},
        "repoServer": twice,
        "applicationSet": twice,
    }
