"""The Region switch plan: the steps by which a region takes over, run by AWS in that region after a person approved.

ARC Region switch has its control in each region, so the one that failed is asked nothing. It replaces ARC's readiness
checks, which are closed. 45 CFR 164.308(a)(7)(ii)(C).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.service_role import service_role
from services.contracts.catalogue import catalogue

APPROVAL_MINUTES = 60
STEP_MINUTES = 30
RECOVERY_MINUTES = 30
ROLE = "region-switch"


@dataclass(frozen=True, slots=True)
class RegionSwitchArgs:
    """``databases`` are global databases by name, each with its regional clusters' ARNs by region.

    ``clusters`` are names of EKS clusters by region.
    """

    zone_id: pulumi.Input[str]
    record_name: str
    databases: Mapping[str, Mapping[str, pulumi.Input[str]]]
    global_identifiers: Mapping[str, pulumi.Input[str]]
    clusters: Mapping[str, str]


class RegionSwitch(Component):
    """The plan: approval, pods, databases, then addresses."""

    data_class = "internal"
    plan_arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: RegionSwitchArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        approvers = self._approvers()
        regions = tuple(scope.environment.regions)
        self._role = service_role(
            self, "execution", scope.named(ROLE), "arc-region-switch.amazonaws.com", self._permissions()
        )
        entries = [self._entry(region) for region in regions]
        plan = aws.arcregionswitch.Plan(
            name,
            name=scope.named("switch"),
            description="A region takes over: approval, pods, databases, addresses",
            execution_role=self._role.arn,
            recovery_approach="activePassive",
            regions=list(regions),
            primary_region=scope.environment.primary,
            recovery_time_objective_minutes=RECOVERY_MINUTES,
            workflows=[
                aws.arcregionswitch.PlanWorkflowArgs(
                    workflow_target_action="activate",
                    workflow_target_region=region,
                    workflow_description=f"{region} takes over",
                    steps=self._steps(approvers),
                )
                for region in regions
            ],
            # AWS tries each step with the role as soon as there is a plan.
            opts=self.child(depends_on=entries),
        )
        self.plan_arn = plan.arn
        self._checks = aws.arcregionswitch.get_route53_health_checks_output(
            plan_arn=plan.arn, opts=pulumi.InvokeOutputOptions(parent=self)
        ).health_checks
        self.registered()

    def check(self, region: str) -> pulumi.Output[str]:
        """Return the health check by which the plan says that ``region`` is, or is not, the active one."""
        return self._checks.apply(lambda found: next(one.health_check_id for one in found if one.region == region))

    def _steps(self, approvers: aws.iam.Role) -> list[aws.arcregionswitch.PlanWorkflowStepArgs]:
        return [
            aws.arcregionswitch.PlanWorkflowStepArgs(
                name="approval",
                description="Somebody on duty says so",
                execution_block_type="ManualApproval",
                execution_approval_configs=[
                    aws.arcregionswitch.PlanWorkflowStepExecutionApprovalConfigArgs(
                        approval_role=approvers.arn, timeout_minutes=APPROVAL_MINUTES
                    )
                ],
            ),
            self._pods(),
            *(self._database(name) for name in self.args.databases),
            aws.arcregionswitch.PlanWorkflowStepArgs(
                name="addresses",
                description="DNS answers with this region",
                execution_block_type="Route53HealthCheck",
                route53_health_check_configs=[
                    aws.arcregionswitch.PlanWorkflowStepRoute53HealthCheckConfigArgs(
                        hosted_zone_id=self.args.zone_id,
                        record_name=self.args.record_name,
                        timeout_minutes=STEP_MINUTES,
                        record_sets=[
                            aws.arcregionswitch.PlanWorkflowStepRoute53HealthCheckConfigRecordSetArgs(
                                record_set_identifier=region, region=region
                            )
                            for region in self.scope.environment.regions
                        ],
                    )
                ],
            ),
        ]

    def _pods(self) -> aws.arcregionswitch.PlanWorkflowStepArgs:
        """Scale every service in the cluster to what the other region ran; each has a namespace and a workload."""
        return aws.arcregionswitch.PlanWorkflowStepArgs(
            name="pods",
            description="As many pods as the other region ran",
            execution_block_type="EKSResourceScaling",
            eks_resource_scaling_configs=[
                aws.arcregionswitch.PlanWorkflowStepEksResourceScalingConfigArgs(
                    capacity_monitoring_approach="sampledMaxInLast24Hours",
                    target_percent=100,
                    timeout_minutes=STEP_MINUTES,
                    kubernetes_resource_types=[
                        aws.arcregionswitch.PlanWorkflowStepEksResourceScalingConfigKubernetesResourceTypeArgs(
                            # What gitops/charts/service makes of a service; its scaler has the service's name too.
                            api_version="argoproj.io/v1alpha1",
                            kind="Rollout",
                        )
                    ],
                    eks_clusters=[
                        aws.arcregionswitch.PlanWorkflowStepEksResourceScalingConfigEksClusterArgs(cluster_arn=arn)
                        for arn in self._cluster_arns
                    ],
                    scaling_resources=[
                        aws.arcregionswitch.PlanWorkflowStepEksResourceScalingConfigScalingResourceArgs(
                            namespace=service,
                            resources=[
                                aws.arcregionswitch.PlanWorkflowStepEksResourceScalingConfigScalingResourceResourceArgs(
                                    resource_name=region, namespace=service, name=service, hpa_name=service
                                )
                                for region in self.scope.environment.regions
                            ],
                        )
                        for service in _in_cluster()
                    ],
                    ungracefuls=[
                        aws.arcregionswitch.PlanWorkflowStepEksResourceScalingConfigUngracefulArgs(
                            minimum_success_percentage=80
                        )
                    ],
                )
            ],
        )

    def _database(self, name: str) -> aws.arcregionswitch.PlanWorkflowStepArgs:
        return aws.arcregionswitch.PlanWorkflowStepArgs(
            name=f"database-{name}",
            description=f"Database {name} takes writes here",
            execution_block_type="AuroraGlobalDatabase",
            global_aurora_configs=[
                aws.arcregionswitch.PlanWorkflowStepGlobalAuroraConfigArgs(
                    behavior="switchoverOnly",
                    global_cluster_identifier=self.args.global_identifiers[name],
                    database_cluster_arns=list(self.args.databases[name].values()),
                    timeout_minutes=STEP_MINUTES,
                    # When the other region does not answer, what was not replicated is given up.
                    ungracefuls=[
                        aws.arcregionswitch.PlanWorkflowStepGlobalAuroraConfigUngracefulArgs(ungraceful="failover")
                    ],
                )
            ],
        )

    def _permissions(self) -> Sequence[Mapping[str, Any]]:
        account, role = self.scope.environment.account, self.scope.named(ROLE)
        clusters = [arn for regions in self.args.databases.values() for arn in regions.values()]
        everywhere = f"arn:aws:rds::{account}:global-cluster:"
        databases = [
            pulumi.Output.concat(everywhere, self.args.global_identifiers[name]) for name in self.args.databases
        ]
        return [
            {
                "Effect": "Allow",
                "Action": [
                    "rds:DescribeDBClusters",
                    "rds:DescribeGlobalClusters",
                    "rds:FailoverGlobalCluster",
                    "rds:SwitchoverGlobalCluster",
                ],
                "Resource": [*clusters, *databases],
            },
            {
                "Effect": "Allow",
                "Action": "eks:DescribeCluster",
                "Resource": self._cluster_arns,
            },
            {
                "Effect": "Allow",
                "Action": "eks:ListAssociatedAccessPolicies",
                "Resource": [
                    self.scope.arn("eks", f"access-entry/{cluster}/role/{account}/{role}/*", region=region)
                    for region, cluster in self.args.clusters.items()
                ],
            },
            {
                "Effect": "Allow",
                "Action": "route53:ListResourceRecordSets",
                "Resource": pulumi.Output.concat("arn:aws:route53:::hostedzone/", self.args.zone_id),
            },
            # What AWS asks of a role to say beforehand what would fail ("Plan evaluation").
            {
                "Effect": "Allow",
                "Action": [
                    "arc-region-switch:GetPlan",
                    "arc-region-switch:GetPlanExecution",
                    "arc-region-switch:ListPlanExecutions",
                ],
                "Resource": plan_arn(self.scope),
            },
            {
                "Effect": "Allow",
                "Action": "iam:SimulatePrincipalPolicy",
                "Resource": self.scope.arn("iam", f"role/{role}"),
            },
        ]

    @property
    def _cluster_arns(self) -> list[str]:
        return [
            self.scope.arn("eks", f"cluster/{cluster}", region=region) for region, cluster in self.args.clusters.items()
        ]

    def _entry(self, region: str) -> aws.eks.AccessPolicyAssociation:
        """Let the plan scale what is in our namespaces of a region's cluster, and nothing else there."""
        cluster = self.args.clusters[region]
        entry = aws.eks.AccessEntry(
            f"{self.name}-{region}",
            region=region,
            cluster_name=cluster,
            principal_arn=self._role.arn,
            type="STANDARD",
            opts=self.child(),
        )
        return aws.eks.AccessPolicyAssociation(
            f"{self.name}-{region}",
            region=region,
            cluster_name=cluster,
            principal_arn=self._role.arn,
            policy_arn="arn:aws:eks::aws:cluster-access-policy/AmazonARCRegionSwitchScalingPolicy",
            access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="namespace", namespaces=_in_cluster()),
            opts=self.child(depends_on=[entry]),
        )

    def _approvers(self) -> aws.iam.Role:
        """Make the role of whoever may approve: people of this account who signed in with a second factor."""
        account = self.scope.environment.account
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        }
        role = aws.iam.Role(
            f"{self.name}-approvers",
            name=self.scope.named("region-switch-approvers"),
            assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
            opts=self.child(),
        )
        approve = {
            "Effect": "Allow",
            "Action": ["arc-region-switch:ApprovePlanExecutionStep", "arc-region-switch:GetPlanExecution"],
            "Resource": plan_arn(self.scope),
        }
        aws.iam.RolePolicy(
            f"{self.name}-approvers",
            role=role.name,
            policy=json.dumps({"Version": "2012-10-17", "Statement": [approve]}),
            opts=self.child(),
        )
        return role


def plan_arn(scope: Scope) -> str:
    """Return the plan's ARN as policies name it: what AWS puts at its end is not known before."""
    return f"arn:aws:arc-region-switch::{scope.environment.account}:plan/{scope.named('switch')}:*"


def _in_cluster() -> list[str]:
    """Return the services that run in the clusters; each has a namespace of its name."""
    return [service.name for service in catalogue().values() if service.runs_on == "eks"]
