"""AWS WAF before the API and the sign-in: AWS's managed rules, and how often one address may ask.

Its log holds what was blocked or counted, without what could be PHI: no path, no query, no token, no cookie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.watch import Watch

MANAGED = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesSQLiRuleSet",
)
FIVE_MINUTES = 300
MANY_BLOCKED = 1000
# Properties without anything in them, which the SDK leaves untyped.
AS_IT_SAYS = aws.wafv2.WebAclRuleOverrideActionNoneArgs()  # type: ignore[no-untyped-call]
WHOLE_PATH = aws.wafv2.WebAclLoggingConfigurationRedactedFieldUriPathArgs()  # type: ignore[no-untyped-call]
WHOLE_QUERY = aws.wafv2.WebAclLoggingConfigurationRedactedFieldQueryStringArgs()  # type: ignore[no-untyped-call]
_FieldToMatch = (
    aws.wafv2.WebAclRuleStatementRateBasedStatementScopeDownStatementByteMatchStatementFieldToMatchUriPathArgs
)
MATCHED_PATH = _FieldToMatch()  # type: ignore[no-untyped-call]
REDACTED_HEADERS = ("authorization", "cookie", "x-api-key")


@dataclass(frozen=True, slots=True)
class FirewallArgs:
    """Requests of one address in five minutes; fewer to ``sign_in_path``. ``protects`` are ARNs by a name of ours."""

    one_address: int
    sign_ins_of_one_address: int
    sign_in_path: str
    protects: Mapping[str, pulumi.Input[str]]
    logs_key_arn: pulumi.Input[str]
    logs_days: int


class Firewall(Component):
    """A web ACL, what it protects and its log."""

    data_class = "internal"
    acl_arn: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: FirewallArgs, *, parent: pulumi.Resource | None = None) -> None:
        super().__init__(name, scope, parent=parent)
        acl = aws.wafv2.WebAcl(
            name,
            name=scope.named(name),
            description="What may reach the API and the sign-in",
            scope="REGIONAL",
            default_action=aws.wafv2.WebAclDefaultActionArgs(allow=aws.wafv2.WebAclDefaultActionAllowArgs()),
            rules=_rules(args),
            visibility_config=aws.wafv2.WebAclVisibilityConfigArgs(
                cloudwatch_metrics_enabled=True, metric_name=scope.named(name), sampled_requests_enabled=False
            ),
            opts=self.child(),
        )
        for what, arn in args.protects.items():
            aws.wafv2.WebAclAssociation(f"{name}-{what}", resource_arn=arn, web_acl_arn=acl.arn, opts=self.child())
        self._log(acl, args)
        self.acl_arn = acl.arn
        self.watches = (
            Watch(
                name=f"{name}-blocked",
                board="api",
                tells=f"more than {MANY_BLOCKED} requests a minute are refused by WAF: an attack, or a rule too strict",
                namespace="AWS/WAFV2",
                metric="BlockedRequests",
                dimensions={"WebACL": acl.name, "Region": scope.region, "Rule": "ALL"},
                threshold=MANY_BLOCKED,
                statistic="Sum",
                minutes=5,
            ),
        )
        self.registered()

    def _log(self, acl: aws.wafv2.WebAcl, args: FirewallArgs) -> None:
        group = aws.cloudwatch.LogGroup(
            f"{self.name}-log",
            # WAF writes to groups that begin so, and to no others.
            name=f"aws-waf-logs-{self.scope.named(self.name)}",
            retention_in_days=args.logs_days,
            kms_key_id=args.logs_key_arn,
            opts=self.child(),
        )
        redacted = aws.wafv2.WebAclLoggingConfigurationRedactedFieldArgs
        aws.wafv2.WebAclLoggingConfiguration(
            f"{self.name}-log",
            resource_arn=acl.arn,
            log_destination_configs=[group.arn],
            redacted_fields=[
                redacted(uri_path=WHOLE_PATH),
                redacted(query_string=WHOLE_QUERY),
                *(
                    redacted(
                        single_header=aws.wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs(name=header)
                    )
                    for header in REDACTED_HEADERS
                ),
            ],
            logging_filter=aws.wafv2.WebAclLoggingConfigurationLoggingFilterArgs(
                default_behavior="DROP",
                filters=[
                    aws.wafv2.WebAclLoggingConfigurationLoggingFilterFilterArgs(
                        behavior="KEEP",
                        requirement="MEETS_ANY",
                        conditions=[
                            aws.wafv2.WebAclLoggingConfigurationLoggingFilterFilterConditionArgs(
                                action_condition=(
                                    aws.wafv2.WebAclLoggingConfigurationLoggingFilterFilterConditionActionConditionArgs(
                                        action=action
                                    )
                                )
                            )
                            for action in ("BLOCK", "COUNT")
                        ],
                    )
                ],
            ),
            opts=self.child(),
        )


def _rules(args: FirewallArgs) -> Sequence[aws.wafv2.WebAclRuleArgs]:
    rates = {"sign-ins-of-one-address": args.sign_ins_of_one_address, "one-address": args.one_address}
    limits = [
        aws.wafv2.WebAclRuleArgs(
            name=name,
            priority=priority,
            action=aws.wafv2.WebAclRuleActionArgs(block=aws.wafv2.WebAclRuleActionBlockArgs()),
            statement=aws.wafv2.WebAclRuleStatementArgs(
                rate_based_statement=aws.wafv2.WebAclRuleStatementRateBasedStatementArgs(
                    limit=limit,
                    aggregate_key_type="IP",
                    evaluation_window_sec=FIVE_MINUTES,
                    scope_down_statement=_path(args.sign_in_path) if name.startswith("sign-ins") else None,
                )
            ),
            visibility_config=_seen(name),
        )
        for priority, (name, limit) in enumerate(rates.items())
    ]
    managed = [
        aws.wafv2.WebAclRuleArgs(
            name=name,
            priority=priority,
            override_action=aws.wafv2.WebAclRuleOverrideActionArgs(none=AS_IT_SAYS),
            statement=aws.wafv2.WebAclRuleStatementArgs(
                managed_rule_group_statement=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
                    vendor_name="AWS", name=name
                )
            ),
            visibility_config=_seen(name),
        )
        for priority, name in enumerate(MANAGED, len(limits))
    ]
    return [*limits, *managed]


def _seen(name: str) -> aws.wafv2.WebAclRuleVisibilityConfigArgs:
    # Samples are whole requests, kept where nobody redacts them.
    return aws.wafv2.WebAclRuleVisibilityConfigArgs(
        cloudwatch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )


def _path(begins: str) -> aws.wafv2.WebAclRuleStatementRateBasedStatementScopeDownStatementArgs:
    of = aws.wafv2
    return of.WebAclRuleStatementRateBasedStatementScopeDownStatementArgs(
        byte_match_statement=of.WebAclRuleStatementRateBasedStatementScopeDownStatementByteMatchStatementArgs(
            positional_constraint="STARTS_WITH",
            search_string=begins,
            field_to_match=of.WebAclRuleStatementRateBasedStatementScopeDownStatementByteMatchStatementFieldToMatchArgs(
                uri_path=MATCHED_PATH
            ),
            text_transformations=[
                of.WebAclRuleStatementRateBasedStatementScopeDownStatementByteMatchStatementTextTransformationArgs(
                    priority=0, type="NORMALIZE_PATH"
                )
            ],
        )
    )
