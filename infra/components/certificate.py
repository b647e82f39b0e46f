"""A TLS certificate of ACM's for a name of ours, proved and renewed by a record in the hosted zone."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope

RECORD_SECONDS = 300


@dataclass(frozen=True, slots=True)
class CertificateArgs:
    """``host``: the name it is for; ``zone_id``: the hosted zone that is in."""

    host: str
    zone_id: pulumi.Input[str]


class Certificate(Component):
    """A certificate that is valid once its output is known."""

    data_class = "public"
    arn: pulumi.Output[str]

    def __init__(
        self, name: str, scope: Scope, args: CertificateArgs, *, parent: pulumi.Resource | None = None
    ) -> None:
        super().__init__(name, scope, parent=parent)
        certificate = aws.acm.Certificate(
            name,
            domain_name=args.host,
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            opts=self.child(),
        )
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            name,
            zone_id=args.zone_id,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=RECORD_SECONDS,
            # Both regions prove the same name by the same record.
            allow_overwrite=True,
            opts=self.child(),
        )
        self.arn = aws.acm.CertificateValidation(
            name, certificate_arn=certificate.arn, validation_record_fqdns=[record.fqdn], opts=self.child()
        ).certificate_arn
        self.registered()
