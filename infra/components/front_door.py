"""Everything between the internet and the entrance of the VPC: names, certificates, APIs, firewall, partners' trust.

People and partners have an API each: partners present certificates, which browsers cannot, and have plans.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.api import Api, ApiArgs, Truststore
from infra.components.api_document import Audience
from infra.components.base import Component, Scope
from infra.components.bucket import Bucket, BucketArgs
from infra.components.certificate import Certificate, CertificateArgs
from infra.components.firewall import Firewall, FirewallArgs
from infra.components.roles import role, trust
from infra.components.vpc_link import VpcLink, VpcLinkArgs
from infra.components.watch import Watch

RECORD_SECONDS = 60
SIGN_IN_PATH = "/portal/sign-in"
TRUSTSTORE = "authorities.pem"


@dataclass(frozen=True, slots=True)
class FrontDoorArgs:
    """``hosts``: the names for each audience; the first of each is the region's own and gets its record here, the
    others are pointed to a region by routing. ``entrance_*`` are of the load balancer inside.
    """

    hosts: Mapping[Audience, Sequence[str]]
    zone_id: pulumi.Input[str]
    entrance_address: pulumi.Input[str]
    entrance_arn: pulumi.Input[str]
    entrance_group_id: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    user_pool_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    access_logs_bucket: pulumi.Input[str]


class FrontDoor(Component):
    """The APIs of a region."""

    data_class = "phi"
    host: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: FrontDoorArgs) -> None:
        super().__init__(name, scope)
        self.args = args
        self.link = VpcLink(
            f"{name}-link",
            scope,
            VpcLinkArgs(args.vpc_id, args.subnet_ids, args.entrance_group_id),
            parent=self,
        )
        aws.apigateway.Account(name, cloudwatch_role_arn=self._log_role().arn, opts=self.child())
        people = self._api("people", None)
        apis = [people]
        if scope.environment.api.partner_authorities:
            apis.append(self._api("partners", self._truststore()))
        settings = scope.environment.api
        firewall = Firewall(
            f"{name}-firewall",
            scope,
            FirewallArgs(
                one_address=settings.one_address,
                sign_ins_of_one_address=settings.sign_ins_of_one_address,
                sign_in_path=SIGN_IN_PATH,
                protects={
                    **{f"api-{api.args.audience}": api.stage_arn for api in apis},
                    "user-pool": args.user_pool_arn,
                },
                logs_key_arn=args.key_arn,
                logs_days=scope.environment.retention.logs_days,
            ),
            parent=self,
        )
        self.host = pulumi.Output.from_input(args.hosts["people"][0])
        self.watches: tuple[Watch, ...] = (*(w for api in apis for w in api.watches), *firewall.watches)
        self.registered()

    def _api(self, audience: Audience, truststore: Truststore | None) -> Api:
        args, environment = self.args, self.scope.environment
        name, hosts = f"api-{audience}", args.hosts[audience]
        certificates = {
            host: Certificate(f"{name}-{host}", self.scope, CertificateArgs(host, args.zone_id), parent=self).arn
            for host in hosts
        }
        everyone = environment.api.everyone
        api = Api(
            name,
            self.scope,
            ApiArgs(
                audience=audience,
                certificate_arns=certificates,
                entrance_address=args.entrance_address,
                entrance_arn=args.entrance_arn,
                vpc_link_id=self.link.link_id,
                user_pool_arn=args.user_pool_arn,
                logs_key_arn=args.key_arn,
                logs_days=environment.retention.logs_days,
                rate=everyone.rate,
                burst=everyone.burst,
                truststore=truststore,
                partners={} if truststore is None else environment.api.partners,
            ),
            parent=self,
        )
        aws.route53.Record(
            name,
            zone_id=args.zone_id,
            name=hosts[0],
            type="CNAME",
            ttl=RECORD_SECONDS,
            records=[api.domain_targets[hosts[0]]],
            opts=self.child(),
        )
        return api

    def _truststore(self) -> Truststore:
        bucket = Bucket(
            f"{self.name}-truststore",
            self.scope,
            BucketArgs("truststore", "internal", self.args.key_arn, access_logs_bucket=self.args.access_logs_bucket),
            parent=self,
        )
        authorities = aws.s3.BucketObjectv2(
            f"{self.name}-truststore",
            bucket=bucket.bucket_name,
            key=TRUSTSTORE,
            content="\n".join(self.scope.environment.api.partner_authorities),
            content_type="application/x-pem-file",
            server_side_encryption="aws:kms",
            kms_key_id=self.args.key_arn,
            tags={"data-class": "internal"},
            opts=self.child(),
        )
        uri = pulumi.Output.concat("s3://", authorities.bucket, "/", authorities.key)
        return Truststore(uri, authorities.version_id)

    def _log_role(self) -> aws.iam.Role:
        """Let API Gateway write access logs: a setting of the account in each region."""
        return role(
            self,
            f"{self.name}-logs",
            trust("apigateway.amazonaws.com"),
            managed=["service-role/AmazonAPIGatewayPushToCloudWatchLogs"],
        )
