"""One API at the edge: a regional REST API of API Gateway with the routes for one audience, under names of ours only.

REST and not HTTP API: only it takes WAF, checks bodies, has usage plans and streams answers. Its log says which route
was asked, never the path that was, because a path may hold a patient's id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from environments.surface import Partner
from infra.components.api_document import Audience, Wiring, document, routes
from infra.components.base import Component, Scope
from infra.components.watch import Watch

STAGE = "live"
# Share of everybody's requests that one costly or delicate route may have, by its access action.
SHARES: Mapping[str, float] = {"export-audit": 0.02, "read-audit": 0.1, "search-slots": 0.5, "read-patient": 0.2}
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "response_length": "$context.responseLength",
    "latency_ms": "$context.responseLatency",
    "service_latency_ms": "$context.integrationLatency",
    "service_status": "$context.integrationStatus",
    "refused_because": "$context.error.responseType",
    "trace_id": "$context.xrayTraceId",
    "api_key": "$context.identity.apiKeyId",
}
FAULTS_PER_CENT = 1
SLOW_MILLISECONDS = 3000
DAY = "DAY"


@dataclass(frozen=True, slots=True)
class Truststore:
    """Certificates of the authorities whose clients may connect: an object in S3 and its version."""

    uri: pulumi.Input[str]
    version: pulumi.Input[str]


@dataclass(frozen=True, slots=True)
class ApiArgs:
    """``certificate_arns`` are by the names it answers to. ``truststore`` makes TLS mutual.

    ``partners`` get a usage plan and an API key each. ``rate`` and ``burst`` are for all callers together.
    """

    audience: Audience
    certificate_arns: Mapping[str, pulumi.Input[str]]
    entrance_address: pulumi.Input[str]
    entrance_arn: pulumi.Input[str]
    vpc_link_id: pulumi.Input[str]
    user_pool_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    logs_days: int
    rate: float
    burst: int
    truststore: Truststore | None = None
    partners: Mapping[str, Partner] = field(default_factory=dict)


class Api(Component):
    """An API, its stage, its names, and for partners their plans."""

    data_class = "phi"
    stage_arn: pulumi.Output[str]
    domain_targets: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope, args: ApiArgs, *, parent: pulumi.Resource | None = None) -> None:
        super().__init__(name, scope, parent=parent)
        self.args = args
        body = pulumi.Output.all(
            entrance_address=args.entrance_address,
            entrance_arn=args.entrance_arn,
            vpc_link_id=args.vpc_link_id,
            user_pool_arn=args.user_pool_arn,
        ).apply(lambda known: document(f"Careslot for {args.audience}", args.audience, Wiring(**known)))
        self.api = aws.apigateway.RestApi(
            name,
            name=scope.named(name),
            description=f"Careslot for {args.audience}",
            body=body,
            fail_on_warnings=True,
            put_rest_api_mode="overwrite",
            # Not under AWS's own name: there is neither mutual TLS nor a certificate of ours.
            disable_execute_api_endpoint=True,
            endpoint_configuration=aws.apigateway.RestApiEndpointConfigurationArgs(types="REGIONAL"),
            minimum_compression_size="1024",
            opts=self.child(),
        )
        stage = self._stage(body)
        self.stage_arn = stage.arn
        self.domain_targets = pulumi.Output.all(**{host: self._named(host, stage) for host in args.certificate_arns})
        for partner, plan in args.partners.items():
            self._plan(partner, plan, stage)
        self.watches = tuple(self._watches(stage))
        self.registered()

    def _stage(self, body: pulumi.Output[str]) -> aws.apigateway.Stage:
        log = aws.cloudwatch.LogGroup(
            f"{self.name}-access",
            name=f"/careslot/{self.scope.environment.name}/{self.name}/access",
            retention_in_days=self.args.logs_days,
            kms_key_id=self.args.logs_key_arn,
            tags={"data-class": "internal"},
            opts=self.child(),
        )
        deployment = aws.apigateway.Deployment(
            self.name,
            rest_api=self.api.id,
            triggers={"document": body.apply(lambda text: hashlib.sha256(text.encode()).hexdigest())},
            opts=self.child(),
        )
        stage = aws.apigateway.Stage(
            self.name,
            rest_api=self.api.id,
            deployment=deployment.id,
            stage_name=STAGE,
            xray_tracing_enabled=True,
            # Answers hold PHI: none is kept here.
            cache_cluster_enabled=False,
            access_log_settings=aws.apigateway.StageAccessLogSettingsArgs(
                destination_arn=log.arn, format=json.dumps(ACCESS_LOG)
            ),
            opts=self.child(),
        )
        self._limit(stage, "*/*", 1.0)
        for route in routes(self.args.audience):
            if route.action in SHARES:
                self._limit(stage, f"{route.path[1:]}/{route.verb.upper()}", SHARES[route.action])
        return stage

    def _limit(self, stage: aws.apigateway.Stage, path: str, share: float) -> None:
        aws.apigateway.MethodSettings(
            f"{self.name}-{path}",
            rest_api=self.api.id,
            stage_name=stage.stage_name,
            method_path=path,
            settings=aws.apigateway.MethodSettingsSettingsArgs(
                metrics_enabled=True,
                # What API Gateway itself logs above this holds paths, headers and bodies.
                logging_level="OFF",
                data_trace_enabled=False,
                caching_enabled=False,
                throttling_rate_limit=max(1.0, self.args.rate * share),
                throttling_burst_limit=max(1, int(self.args.burst * share)),
            ),
            opts=self.child(),
        )

    def _named(self, host: str, stage: aws.apigateway.Stage) -> pulumi.Output[str]:
        """Answer to ``host``; return the name at AWS that its record points to."""
        truststore = self.args.truststore
        domain = aws.apigateway.DomainName(
            f"{self.name}-{host}",
            domain_name=host,
            regional_certificate_arn=self.args.certificate_arns[host],
            security_policy="TLS_1_2",
            endpoint_configuration=aws.apigateway.DomainNameEndpointConfigurationArgs(types="REGIONAL"),
            mutual_tls_authentication=None
            if truststore is None
            else aws.apigateway.DomainNameMutualTlsAuthenticationArgs(
                truststore_uri=truststore.uri, truststore_version=truststore.version
            ),
            opts=self.child(),
        )
        aws.apigateway.BasePathMapping(
            f"{self.name}-{host}",
            domain_name=domain.domain_name,
            rest_api=self.api.id,
            stage_name=stage.stage_name,
            opts=self.child(),
        )
        return domain.regional_domain_name

    def _plan(self, partner: str, plan: Partner, stage: aws.apigateway.Stage) -> None:
        usage = aws.apigateway.UsagePlan(
            f"{self.name}-{partner}",
            name=self.scope.named(partner),
            description=f"What {partner} may ask",
            api_stages=[aws.apigateway.UsagePlanApiStageArgs(api_id=self.api.id, stage=stage.stage_name)],
            throttle_settings=aws.apigateway.UsagePlanThrottleSettingsArgs(
                rate_limit=plan.rate, burst_limit=plan.burst
            ),
            quota_settings=aws.apigateway.UsagePlanQuotaSettingsArgs(limit=plan.daily, period=DAY),
            opts=self.child(),
        )
        # Says which plan counts; who the caller is say certificate and token.
        key = aws.apigateway.ApiKey(f"{self.name}-{partner}", name=self.scope.named(partner), opts=self.child())
        aws.apigateway.UsagePlanKey(
            f"{self.name}-{partner}", key_id=key.id, key_type="API_KEY", usage_plan_id=usage.id, opts=self.child()
        )

    def _watches(self, stage: aws.apigateway.Stage) -> Sequence[Watch]:
        dimensions = {"ApiName": self.api.name, "Stage": stage.stage_name}
        return (
            Watch(
                name=f"{self.name}-5xx",
                board="api",
                tells=f"more than {FAULTS_PER_CENT} % of requests to {self.name} end with a 5xx",
                namespace="AWS/ApiGateway",
                metric="5XXError",
                dimensions=dimensions,
                threshold=FAULTS_PER_CENT / 100,
                statistic="Average",
                minutes=5,
            ),
            Watch(
                name=f"{self.name}-latency",
                board="api",
                tells=f"one in a hundred requests to {self.name} takes more than {SLOW_MILLISECONDS} ms",
                namespace="AWS/ApiGateway",
                metric="Latency",
                dimensions=dimensions,
                threshold=SLOW_MILLISECONDS,
                statistic="p99",
                minutes=5,
            ),
        )
