"""The master password of a database: made at random, kept in Secrets Manager, changed on schedule, used by no service.

RDS's own managed passwords do not exist for global databases (Aurora user guide, "Limitations for Secrets Manager
integration"), so AWS's rotation function for PostgreSQL does the same. The secret stays in the region that writes:
after a failover the master password is set anew there (`aws rds modify-db-cluster`), services sign in with IAM.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from infra.components.base import Component, Scope

# Where AWS publishes its rotation functions (Secrets Manager user guide, "Rotation function templates"): read when
# the stack is deployed, in the region that writes only; without a version the newest is taken.
ROTATION_APPLICATION = (
    "arn:aws:serverlessrepo:us-east-1:297356227824:applications/SecretsManagerRDSPostgreSQLRotationSingleUser"
)
WINDOW = "3h"


class MasterPassword(Component):
    """A password that the cluster is made with; it is a secret in the state too."""

    data_class = "phi"
    value: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope) -> None:
        super().__init__(name, scope)
        made = random.RandomPassword(name, length=40, special=False, opts=self.child())
        self.value = pulumi.Output.secret(made.result)
        self.registered()


@dataclass(frozen=True, slots=True)
class MasterSecretArgs:
    """``cluster`` names the database; ``callers`` is the VPC's network, where AWS's endpoints and the database are."""

    cluster: str
    endpoint: pulumi.Input[str]
    port: int
    username: str
    password: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    callers: IPv4Network


class MasterSecret(Component):
    """The secret, and the function that changes it together with the database."""

    data_class = "phi"
    secret_arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: MasterSecretArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        secret = aws.secretsmanager.Secret(
            name,
            name=scope.named(f"{args.cluster}-master"),
            description=f"Master user of database {args.cluster}: for emergencies and for making roles",
            kms_key_id=args.key_arn,
            recovery_window_in_days=30 if scope.environment.protected else 7,
            opts=self.child(protect=scope.environment.protected),
        )
        value = pulumi.Output.json_dumps(
            {
                "engine": "postgres",
                "host": args.endpoint,
                "port": args.port,
                "username": args.username,
                "password": args.password,
                "dbname": "postgres",
                "dbClusterIdentifier": scope.named(args.cluster),
            }
        )
        aws.secretsmanager.SecretVersion(
            name,
            secret_id=secret.id,
            secret_string=value,
            # Rotation writes later versions, which this program must not undo.
            opts=self.child(ignore_changes=["secretString"]),
        )
        self._rotation(secret)
        self.secret_arn = secret.arn
        self.registered()

    def _rotation(self, secret: aws.secretsmanager.Secret) -> None:
        function = self.scope.named(f"rotate-{self.args.cluster}")
        application = aws.serverlessrepository.CloudFormationStack(
            f"{self.name}-rotation",
            name=function,
            application_id=ROTATION_APPLICATION,
            capabilities=["CAPABILITY_IAM", "CAPABILITY_RESOURCE_POLICY"],
            parameters={
                "endpoint": f"https://secretsmanager.{self.scope.region}.amazonaws.com",
                "functionName": function,
                "kmsKeyArn": self.args.key_arn,
                "vpcSubnetIds": pulumi.Output.from_input(self.args.subnet_ids).apply(",".join),
                "vpcSecurityGroupIds": self._security_group().id,
            },
            opts=self.child(),
        )
        aws.secretsmanager.SecretRotation(
            f"{self.name}-rotation",
            secret_id=secret.id,
            rotation_lambda_arn=self.scope.arn("lambda", f"function:{function}"),
            rotation_rules=aws.secretsmanager.SecretRotationRotationRulesArgs(
                automatically_after_days=self.scope.environment.database.master_password_days, duration=WINDOW
            ),
            opts=self.child(depends_on=[application]),
        )

    def _security_group(self) -> aws.ec2.SecurityGroup:
        group = aws.ec2.SecurityGroup(
            f"{self.name}-rotation",
            description=f"Rotation of the master password of {self.args.cluster}: calls, is never called",
            vpc_id=self.args.vpc_id,
            opts=self.child(),
        )
        for what, port in (("tls", 443), ("postgresql", self.args.port)):
            aws.vpc.SecurityGroupEgressRule(
                f"{self.name}-rotation-{what}",
                security_group_id=group.id,
                description=f"{what} inside the VPC",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                cidr_ipv4=str(self.args.callers),
                opts=self.child(),
            )
        return group
