"""ECS Express Mode: the same task, with the load balancer, its certificate and the scaling left to ECS.

In private subnets Express Mode makes an internal load balancer (Amazon ECS developer guide, "Express Mode services");
it is for services that may be reached by an address of AWS's making.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.edge import CPU_PERCENT
from infra.components.roles import role, trust
from infra.components.task import Task, TaskArgs


@dataclass(frozen=True, slots=True)
class ExpressServiceArgs:
    """``task`` says what runs; its subnets, being private, keep the load balancer inside."""

    task: TaskArgs


class ExpressService(Component):
    """A service in Express Mode."""

    data_class = "phi"
    service_arn: pulumi.Output[str]
    address: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: ExpressServiceArgs) -> None:
        service, settings = args.task.service, args.task.settings
        super().__init__(name, scope, data_class=service.data_class, service=service.name)
        task = Task(f"{name}-task", scope, args.task, parent=self)
        infrastructure = role(
            self,
            f"{name}-infrastructure",
            trust("ecs.amazonaws.com", StringEquals={"aws:SourceAccount": scope.environment.account}),
            managed=["service-role/AmazonECSInfrastructureRoleforExpressGatewayServices"],
            description=f"ECS: the load balancer, certificate and scaling of {service.name}",
            physical=scope.named(f"{service.name}-express"),
        )
        container = aws.ecs.ExpressGatewayServicePrimaryContainerArgs(
            image=task.image,
            container_port=service.port,
            environments=[
                aws.ecs.ExpressGatewayServicePrimaryContainerEnvironmentArgs(name=key, value=value)
                for key, value in sorted(task.environment.items())
            ],
            secrets=[
                aws.ecs.ExpressGatewayServicePrimaryContainerSecretArgs(name=key, value_from=arn)
                for key, arn in sorted(task.secrets.items())
            ],
            aws_logs_configurations=[
                aws.ecs.ExpressGatewayServicePrimaryContainerAwsLogsConfigurationArgs(
                    log_group=task.logs.name, log_stream_prefix=service.name
                )
            ],
        )
        running = aws.ecs.ExpressGatewayService(
            name,
            service_name=service.name,
            cluster=args.task.cluster_name,
            primary_container=container,
            execution_role_arn=task.execution_role_arn,
            task_role_arn=task.role_arn,
            infrastructure_role_arn=infrastructure.arn,
            cpu=str(settings.cpu),
            memory=str(settings.memory_mib),
            health_check_path="/readyz",
            network_configurations=[
                aws.ecs.ExpressGatewayServiceNetworkConfigurationArgs(
                    subnets=args.task.subnet_ids, security_groups=[task.security_group_id]
                )
            ],
            scaling_targets=[
                aws.ecs.ExpressGatewayServiceScalingTargetArgs(
                    auto_scaling_metric="AVERAGE_CPU",
                    auto_scaling_target_value=CPU_PERCENT,
                    min_task_count=service.scaling.min,
                    max_task_count=service.scaling.max,
                )
            ],
            opts=self.child(),
        )
        self.service_arn = running.service_arn
        self.address = pulumi.Output.concat("https://", running.ingress_paths[0].endpoint)
        self.registered()
