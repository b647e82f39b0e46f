"""A TLS certificate of ACM's for names of ours, proved and renewed by a record in the hosted zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope

RECORD_SECONDS = 300


@dataclass(frozen=True, slots=True)
class CertificateArgs:
    """``hosts``: the names it is for; ``zone_id``: the hosted zone that all of them are in."""

    hosts: Sequence[str]
    zone_id: pulumi.Input[str]


class Certificate(Component):
    """A certificate that is valid once its output is known."""

    data_class = "public"
    arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: CertificateArgs) -> None:
        super().__init__(name, scope)
        first, *others = args.hosts
        certificate = aws.acm.Certificate(
            name,
            domain_name=first,
            subject_alternative_names=others,
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            opts=self.child(),
        )
        records = []
        for number, host in enumerate(args.hosts):
            option = certificate.domain_validation_options[number]
            records.append(
                aws.route53.Record(
                    f"{name}-{host}",
                    zone_id=args.zone_id,
                    name=option.resource_record_name,
                    type=option.resource_record_type,
                    records=[option.resource_record_value],
                    ttl=RECORD_SECONDS,
                    # Both regions prove the same names by the same record.
                    allow_overwrite=True,
                    opts=self.child(),
                )
            )
        self.arn = aws.acm.CertificateValidation(
            name,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn for record in records],
            opts=self.child(),
        ).certificate_arn
        self.registered()
