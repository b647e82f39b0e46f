"""ECS Fargate for the edge services: tasks without public addresses, two roles each, scaled by their load.

Which services these are says the catalogue (`runs_on: fargate`), what runs of them `edge.releases` of the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.task import Task, TaskArgs
from services.contracts.catalogue import Service

# Whoever runs in the image: nobody that exists on a host.
USER = "10001:10001"
STOP_SECONDS = 30
# Target tracking adds tasks after three minutes and takes them away after fifteen: half of what a task can do is
# left for those three minutes.
CPU_PERCENT, MEMORY_PERCENT = 50, 75
_Tracking = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs
_Metric = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs


@dataclass(frozen=True, slots=True)
class EdgeClusterArgs:
    """``key_arn`` encrypts sessions that operators open into a task; there are none unless a service allows them."""

    key_arn: pulumi.Input[str]


class EdgeCluster(Component):
    """The ECS cluster of a region: Fargate alone, measured in detail."""

    data_class = "phi"
    arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: EdgeClusterArgs) -> None:
        super().__init__(name, scope)
        self.called = scope.named(name)
        cluster = aws.ecs.Cluster(
            name,
            name=self.called,
            settings=[aws.ecs.ClusterSettingArgs(name="containerInsights", value="enhanced")],
            configuration=aws.ecs.ClusterConfigurationArgs(
                execute_command_configuration=aws.ecs.ClusterConfigurationExecuteCommandConfigurationArgs(
                    kms_key_id=args.key_arn, logging="DEFAULT"
                )
            ),
            opts=self.child(),
        )
        aws.ecs.ClusterCapacityProviders(
            name, cluster_name=cluster.name, capacity_providers=["FARGATE"], opts=self.child()
        )
        self.arn = cluster.arn
        self.registered()


@dataclass(frozen=True, slots=True)
class EdgeServiceArgs:
    """``target_group_arn`` is where the way in sends the service's requests, from ``entrance_group_id``.

    ``operators_may_enter`` lets operators open a shell in a task.
    """

    task: TaskArgs
    target_group_arn: pulumi.Input[str]
    entrance_group_id: pulumi.Input[str]
    operators_may_enter: bool = False


class EdgeService(Component):
    """A service on Fargate behind the way in; a deployment that does not come up is taken back."""

    data_class = "phi"
    service_arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: EdgeServiceArgs) -> None:
        service, settings = args.task.service, args.task.settings
        super().__init__(name, scope, data_class=service.data_class, service=service.name)
        self.args = args
        task = Task(f"{name}-task", scope, args.task, parent=self)
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=task.security_group_id,
            description="From the way in",
            ip_protocol="tcp",
            from_port=service.port,
            to_port=service.port,
            referenced_security_group_id=args.entrance_group_id,
            opts=self.child(),
        )
        definition = aws.ecs.TaskDefinition(
            name,
            family=scope.named(service.name),
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(settings.cpu),
            memory=str(settings.memory_mib),
            runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
                cpu_architecture="ARM64", operating_system_family="LINUX"
            ),
            execution_role_arn=task.execution_role_arn,
            task_role_arn=task.role_arn,
            container_definitions=pulumi.Output.json_dumps([_container(scope, service, task)]),
            opts=self.child(),
        )
        running = aws.ecs.Service(
            name,
            name=service.name,
            cluster=args.task.cluster_arn,
            task_definition=definition.arn,
            launch_type="FARGATE",
            desired_count=service.scaling.min,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            availability_zone_rebalancing="ENABLED",
            enable_execute_command=args.operators_may_enter,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            health_check_grace_period_seconds=60,
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=args.task.subnet_ids, security_groups=[task.security_group_id], assign_public_ip=False
            ),
            load_balancers=[
                aws.ecs.ServiceLoadBalancerArgs(
                    target_group_arn=args.target_group_arn, container_name=service.name, container_port=service.port
                )
            ],
            # How many run is the scaling policies' business from the first day on.
            opts=self.child(ignore_changes=["desiredCount"]),
        )
        self.service_arn = running.arn
        self._scaling(running)
        self.registered()

    def _scaling(self, running: aws.ecs.Service) -> None:
        scaling = self.args.task.service.scaling
        target = aws.appautoscaling.Target(
            self.name,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", self.args.task.cluster_name, "/", running.name),
            min_capacity=scaling.min,
            max_capacity=scaling.max,
            opts=self.child(),
        )
        for metric, percent in (("CPU", CPU_PERCENT), ("Memory", MEMORY_PERCENT)):
            aws.appautoscaling.Policy(
                f"{self.name}-{metric.lower()}",
                name=metric.lower(),
                policy_type="TargetTrackingScaling",
                service_namespace=target.service_namespace,
                scalable_dimension=target.scalable_dimension,
                resource_id=target.resource_id,
                target_tracking_scaling_policy_configuration=_Tracking(
                    target_value=percent,
                    predefined_metric_specification=_Metric(
                        predefined_metric_type=f"ECSServiceAverage{metric}Utilization"
                    ),
                ),
                opts=self.child(),
            )


def _container(scope: Scope, service: Service, task: Task) -> Mapping[str, Any]:
    return {
        "name": service.name,
        "image": task.image,
        "essential": True,
        "user": USER,
        "readonlyRootFilesystem": True,
        "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}},
        "stopTimeout": STOP_SECONDS,
        "portMappings": [{"containerPort": service.port, "protocol": "tcp", "name": "http"}],
        "environment": [{"name": key, "value": value} for key, value in sorted(task.environment.items())],
        "secrets": [{"name": key, "valueFrom": arn} for key, arn in sorted(task.secrets.items())],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": task.logs.name,
                "awslogs-region": scope.region,
                "awslogs-stream-prefix": service.name,
                # A full log must not stop a service; what it drops is counted.
                "mode": "non-blocking",
            },
        },
    }
