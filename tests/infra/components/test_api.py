"""The front door: names of ours only, WAF, limits, partners by certificate and plan, logs without PHI."""

from __future__ import annotations

import json

import pytest

from infra.components.api import ACCESS_LOG
from infra.components.api_document import routes
from infra.components.firewall import MANAGED, REDACTED_HEADERS
from infra.components.front_door import SIGN_IN_PATH
from infra.recording.graph import UNKNOWN
from tests.fixtures.estate import recorded, stack

pytestmark = pytest.mark.xdist_group("estate")
API, STAGE = "aws:apigateway/restApi:RestApi", "aws:apigateway/stage:Stage"


def test_an_api_answers_under_names_of_ours_and_under_no_other() -> None:
    graph = stack("prod-us-west-2")
    assert all(api.inputs["disableExecuteApiEndpoint"] is True for api in graph.of_type(API))
    domains = {d.inputs["domainName"]: d for d in graph.of_type("aws:apigateway/domainName:DomainName")}
    assert set(domains) == {
        "api.careslot.example",
        "api.us-west-2.careslot.example",
        "partners.us-west-2.careslot.example",
    }
    assert {d.inputs["securityPolicy"] for d in domains.values()} == {"TLS_1_2"}
    mutual = {host for host, domain in domains.items() if domain.inputs.get("mutualTlsAuthentication")}
    assert mutual == {"partners.us-west-2.careslot.example"}
    trust = domains["partners.us-west-2.careslot.example"].inputs["mutualTlsAuthentication"]
    assert trust["truststoreUri"].startswith("s3://")
    assert trust["truststoreVersion"]


def test_every_stage_and_the_sign_in_are_behind_the_firewall() -> None:
    graph = stack("prod-us-east-1")
    (acl,) = graph.of_type("aws:wafv2/webAcl:WebAcl")
    kept = {
        resource.name
        for association in graph.of_type("aws:wafv2/webAclAssociation:WebAclAssociation")
        for resource in graph.mentioned(association)
        if resource is not acl
    }
    assert kept == {stage.name for stage in graph.of_type(STAGE)} | {"people"}
    rules = acl.inputs["rules"]
    managed = {
        r["statement"]["managedRuleGroupStatement"]["name"]
        for r in rules
        if "managedRuleGroupStatement" in r["statement"]
    }
    assert managed == set(MANAGED) >= {"AWSManagedRulesCommonRuleSet"}
    assert SIGN_IN_PATH in {route.path for route in routes("people")}
    limits = {
        r["name"]: r["statement"]["rateBasedStatement"]["limit"]
        for r in rules
        if "rateBasedStatement" in r["statement"]
    }
    assert limits["sign-ins-of-one-address"] < limits["one-address"]
    assert not any(rule["visibilityConfig"]["sampledRequestsEnabled"] for rule in rules)


def test_logs_hold_no_path_no_query_no_token_and_no_address() -> None:
    graph = stack("prod-us-east-1")
    assert not {"$context.path", "$context.identity.sourceIp", "$context.authorizer.claims.sub"} & set(
        ACCESS_LOG.values()
    )
    for stage in graph.of_type(STAGE):
        assert json.loads(stage.inputs["accessLogSettings"]["format"]) == ACCESS_LOG
        assert stage.inputs["xrayTracingEnabled"] is True
        assert stage.inputs["cacheClusterEnabled"] is False
    settings = graph.of_type("aws:apigateway/methodSettings:MethodSettings")
    assert not [
        s for s in settings if s.inputs["settings"]["dataTraceEnabled"] or s.inputs["settings"]["loggingLevel"] != "OFF"
    ]
    (log,) = graph.of_type("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")
    redacted = log.inputs["redactedFields"]
    headers = {field["singleHeader"]["name"] for field in redacted if "singleHeader" in field}
    assert headers == set(REDACTED_HEADERS) >= {"authorization", "cookie"}
    assert [field for field in redacted if "uriPath" in field]
    assert [field for field in redacted if "queryString" in field]


def test_all_together_and_costly_routes_are_limited() -> None:
    graph = stack("prod-us-east-1")
    limits = {
        s.inputs["methodPath"]: s.inputs["settings"]["throttlingRateLimit"]
        for s in graph.of_type("aws:apigateway/methodSettings:MethodSettings")
        if s.name.startswith("api-people")
    }
    assert limits["*/*"] == 2000
    assert limits["audit/export/GET"] == 40
    assert limits["availability/slots/GET"] == 1000


def test_partners_have_a_plan_and_a_key_each() -> None:
    graph = stack("prod-us-east-1")
    (plan,) = graph.of_type("aws:apigateway/usagePlan:UsagePlan")
    (key,) = graph.of_type("aws:apigateway/apiKey:ApiKey")
    (joined,) = graph.of_type("aws:apigateway/usagePlanKey:UsagePlanKey")
    assert {plan, key} <= set(graph.mentioned(joined))
    assert plan.inputs["quotaSettings"]["period"] == "DAY"
    assert plan.inputs["throttleSettings"]["rateLimit"] == 50


def test_the_document_waits_for_what_it_mentions_and_is_the_regions_own() -> None:
    recording = recorded("prod")["prod-us-west-2"]
    (unknown,) = [api for api in recording.unresolved.of_type(API) if api.name == "api-people"]
    assert unknown.inputs["body"] == UNKNOWN
    (known,) = [api for api in recording.resolved.of_type(API) if api.name == "api-people"]
    mentioned = {resource.type for resource in recording.resolved.mentioned(known)}
    assert mentioned == {
        "aws:apigatewayv2/vpcLink:VpcLink", "aws:cognito/userPool:UserPool", "aws:lb/loadBalancer:LoadBalancer",
    }  # fmt: skip
    assert "us-east-1" not in known.inputs["body"]
