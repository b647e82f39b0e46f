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
from services.contracts.clients import CLIENTS
from services.contracts.topology import LOCKED_BUCKETS
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
    "audit-years": "years that locked buckets keep their objects",
    "bus": "name of the event bus",
    "cluster": "name of the EKS cluster",
    "compute": "who has the machines: auto-mode or managed-node-groups",
    "domain": "the environment's domain",
    "entrance": "address under which services reach each other by name",
    "name-prefix": "what physical names begin with, those of secrets too",
    "network": "the VPC's network (CIDR), in which databases, endpoints and the way in are",
    "region": "AWS region",
    "registry": "registry and prefix of images",
    "repository": "address of the git repository that Argo CD reads",
    "revision": "branch or tag that Argo CD follows",
    "serving": "whether the region does the work (true) or stands by (false)",
    "token-audiences": "app client ids whose tokens are accepted",
    "token-issuer": "issuer of tokens: the Cognito user pool",
    "token-url": "where services get access tokens of their own",
    "user-pool-id": "id of the Cognito user pool",
    "vpc-id": "id of the VPC",
    "wave": "when a new release comes to the region: 0 is first",
}
SERVICE_FACTS: Mapping[str, str] = {
    "callees": "services it calls, space-separated: name:port of those in the cluster, the name of others",
    "machines": "what its pods run on: nodes or fargate",
    "queues": "addresses of the queues its processes poll, space-separated",
    "role-arn": "role that the service's pods take",
    "target-group-arn": "target group that the service's pods are bound to",
}
# Of services that sign in as themselves, and of those that own a locked bucket.
CLIENT_FACTS: Mapping[str, str] = {"client-id": "app client that the service signs in with"}
BUCKET_FACTS: Mapping[str, str] = {"locked-bucket": "name of the service's locked bucket"}
DATABASE_FACTS: Mapping[str, str] = {"database-endpoint": "writer of the Aurora cluster"}


def annotation_names(services: Collection[str], databases: Collection[str]) -> frozenset[str]:
    """Return the names of all annotations (without the group) for services in the cluster and Aurora clusters."""
    per_service = {f"{fact}.{service}" for fact in SERVICE_FACTS for service in services}
    per_client = {f"{fact}.{service}" for fact in CLIENT_FACTS for service in signing_in(services)}
    per_bucket = {f"{fact}.{service}" for fact in BUCKET_FACTS for service in locking(services)}
    per_database = {f"{fact}.{database}" for fact in DATABASE_FACTS for database in databases}
    return frozenset(FACTS) | per_service | per_client | per_bucket | per_database


def repository_url(repository: str) -> str:
    """Return where git finds GitHub's ``owner/name``."""
    return f"https://github.com/{repository}.git"


def signing_in(services: Collection[str]) -> list[str]:
    """Return which of the services sign in as themselves."""
    return sorted(client.name for client in CLIENTS if not client.for_people and client.name in services)


def locking(services: Collection[str]) -> list[str]:
    """Return which of the services own a locked bucket."""
    return sorted({bucket.service for bucket in LOCKED_BUCKETS} & set(services))


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
            # ApplicationSets choose clusters by label.
            f"{GROUP}/compute": scope.environment.cluster.compute,
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
        here = repository_url(self.args.repository)
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
