"""AWS App Runner, for what is public anyway: facilities and open slots without a patient.

App Runner is not HIPAA-eligible, and closed to accounts that did not have it by 30 April 2026: nothing but public data
may run on it, and the same service runs on Fargate where `edge.app_runner` is off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from environments.model import Edge as EdgeSettings
from infra.components.base import Component, Scope
from infra.components.roles import role, trust
from infra.components.task import image_of
from services.contracts.catalogue import Service
from services.kernel.errors import Invalid

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class PublicFinderArgs:
    """``service`` must be public, without database, secrets or rights in AWS.

    It has no way into the VPC: what it shows it asks the public API for, so that nothing leads from here to PHI.
    """

    service: Service
    settings: EdgeSettings
    repository_url: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    environment: Mapping[str, pulumi.Input[str]]
    key_arn: pulumi.Input[str]


class PublicFinder(Component):
    """A public service on App Runner, outside the VPC and with a role that allows nothing."""

    data_class = "public"
    service_arn: pulumi.Output[str]
    address: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: PublicFinderArgs) -> None:
        service = args.service
        _refuse(service)
        super().__init__(name, scope, service=service.name)
        pull = [
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:DescribeImages",
            "ecr:GetDownloadUrlForLayer",
        ]
        access = role(
            self,
            f"{name}-access",
            trust("build.apprunner.amazonaws.com"),
            statements=[
                {"Sid": "PullOwnImage", "Effect": "Allow", "Action": pull, "Resource": [args.repository_arn]},
            ],
            description=f"App Runner: pulls the image of {service.name}",
            physical=scope.named(f"{service.name}-access"),
        )
        instance = role(
            self,
            name,
            trust("tasks.apprunner.amazonaws.com"),
            description=f"{service.name}: may do nothing in AWS",
            physical=scope.named(service.name),
        )
        scaling = aws.apprunner.AutoScalingConfigurationVersion(
            name,
            auto_scaling_configuration_name=service.name,
            max_concurrency=AT_ONCE,
            min_size=service.scaling.min,
            max_size=min(service.scaling.max, 25),
            opts=self.child(),
        )
        image = aws.apprunner.ServiceSourceConfigurationImageRepositoryArgs(
            image_identifier=image_of(scope, service, args.settings, args.repository_url),
            image_repository_type="ECR",
            image_configuration=aws.apprunner.ServiceSourceConfigurationImageRepositoryImageConfigurationArgs(
                port=str(service.port),
                runtime_environment_variables={
                    "CARESLOT_HOST": "0.0.0.0",  # noqa: S104 - within App Runner's own sandbox
                    "CARESLOT_PORT": str(service.port),
                    **args.environment,
                },
            ),
        )
        running = aws.apprunner.Service(
            name,
            service_name=scope.named(service.name),
            source_configuration=aws.apprunner.ServiceSourceConfigurationArgs(
                # What runs is what the environment says, not what was pushed last.
                auto_deployments_enabled=False,
                authentication_configuration=aws.apprunner.ServiceSourceConfigurationAuthenticationConfigurationArgs(
                    access_role_arn=access.arn
                ),
                image_repository=image,
            ),
            auto_scaling_configuration_arn=scaling.arn,
            encryption_configuration=aws.apprunner.ServiceEncryptionConfigurationArgs(kms_key=args.key_arn),
            health_check_configuration=aws.apprunner.ServiceHealthCheckConfigurationArgs(
                protocol="HTTP", path="/readyz", interval=10, timeout=5, healthy_threshold=1, unhealthy_threshold=3
            ),
            instance_configuration=aws.apprunner.ServiceInstanceConfigurationArgs(
                cpu=str(args.settings.cpu), memory=str(args.settings.memory_mib), instance_role_arn=instance.arn
            ),
            opts=self.child(),
        )
        self.service_arn = running.arn
        self.address = pulumi.Output.concat("https://", running.service_url)
        self.registered()


def _refuse(service: Service) -> None:
    reasons = {
        f"its data class is {service.data_class}": service.data_class != "public",
        "it has a database": service.database is not None,
        "it has secrets": bool(service.secrets),
        "it uses AWS": bool(service.uses),
    }
    told = [reason for reason, holds in reasons.items() if holds]
    if told:
        raise Invalid(f"{service.name} may not run on App Runner: {', '.join(told)}")
