"""API Gateway and its firewall: who gets in, how often, over what, and what is written down of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from policies.rules.judging import Book, phi
from policies.rules.reading import CannotTell, Node, View, across

BOOK = Book()
RULES = BOOK.rules
API = "aws:apigateway/restApi:RestApi"
STAGE = "aws:apigateway/stage:Stage"
METHODS = "aws:apigateway/methodSettings:MethodSettings"
DOMAIN = "aws:apigateway/domainName:DomainName"
ACL = "aws:wafv2/webAcl:WebAcl"
# Left open by design: the portal has a session of its own, the rest holds no PHI (services/contracts says why, route
# by route, and tests/repository/test_routes.py holds each to its reason; policies/access/public.cedar decides).
OPEN_PREFIXES = ("/portal", "/finder", "/health", "/directory/public/", "/availability/public/")
OPEN_ENDINGS = ("/openapi.json", "/slot-offer-keys")


@BOOK.rule(
    "api-logs", "APIs log every request", STAGE, scope="stack",
    remedy="Set access_log_settings with a log group.",
)  # fmt: skip
def _logs(stage: View) -> Iterator[str]:
    if not stage.given("accessLogSettings.destinationArn"):
        yield "logs no requests"


@BOOK.rule(
    "api-log-without-phi", "An API's log has neither query strings, bodies, names nor addresses of people", STAGE,
    when=phi,
    remedy="Log $context.resourcePath (the route), never path, queryString, identity.user or authorizer claims.",
)  # fmt: skip
def _log_format(stage: View) -> Iterator[str]:
    wanted = str(stage["accessLogSettings.format"] or "")
    for field in ("$context.path", "querystring", "$context.authorizer", "requestOverride", "$context.identity.user"):
        if field.lower() in wanted.lower():
            yield f"logs {field}, which may tell of a patient"


@BOOK.rule(
    "api-no-data-trace", "Bodies of requests are not traced into the log", METHODS, when=phi,
    remedy="Set data_trace_enabled to false and logging_level to OFF or ERROR.",
)  # fmt: skip
def _trace(methods: View) -> Iterator[str]:
    if methods.on("settings.dataTraceEnabled"):
        yield "writes whole requests and answers into the log"


@BOOK.rule(
    "api-no-plain-cache", "Answers with PHI are not cached, or encrypted in the cache", METHODS, when=phi,
    remedy="Set caching_enabled to false, or cache_data_encrypted to true.",
)  # fmt: skip
def _cache(methods: View) -> Iterator[str]:
    if methods.on("settings.cachingEnabled") and not methods.on("settings.cacheDataEncrypted"):
        yield "keeps answers unencrypted"


@BOOK.rule(
    "api-throttled", "APIs take only so many requests", STAGE, scope="stack",
    remedy="Add MethodSettings for */* with throttling_rate_limit and throttling_burst_limit.",
)  # fmt: skip
def _throttled(stage: View) -> Iterator[str]:
    (apis, settings) = stage.named("restApi", API), stage.beside(METHODS)
    mine = [one for one in settings if set(one.named("restApi", API)) & set(apis) and one["methodPath"] == "*/*"]
    if not any(one.number("settings.throttlingRateLimit") > 0 for one in mine):
        yield "takes as many requests as anybody sends"


@BOOK.rule(
    "api-tls", "APIs speak TLS 1.2 or newer", DOMAIN, "aws:apigatewayv2/domainName:DomainName",
    remedy="Set security_policy TLS_1_2 (or a newer SecurityPolicy_TLS13 one).",
)  # fmt: skip
def _tls(domain: View) -> Iterator[str]:
    policy = domain["securityPolicy"] or domain["domainNameConfiguration.securityPolicy"]
    if policy is None or policy in {"TLS_1_0", "TLS_1_1"}:
        yield f"takes {policy or 'what AWS takes by default'}"


@BOOK.rule(
    "api-own-name-alone", "APIs answer under their own names alone, where certificates and firewall are", API,
    remedy="Set disable_execute_api_endpoint to true.",
)  # fmt: skip
def _own_name(api: View) -> Iterator[str]:
    if not api.on("disableExecuteApiEndpoint"):
        yield "answers at execute-api as well, where mutual TLS is not asked for"


@BOOK.rule(
    "api-behind-firewall", "A firewall stands before every public API", STAGE, scope="stack",
    remedy="Add an aws.wafv2.WebAclAssociation of the stage.",
)  # fmt: skip
def _firewall(stage: View) -> Iterator[str]:
    if not stage.about("aws:wafv2/webAclAssociation:WebAclAssociation"):
        yield "no firewall stands before it"


def _document(api: View) -> dict[str, Any]:
    body = api["body"]
    return dict(json.loads(body)) if body else {}


@BOOK.rule(
    "api-authorised", "Every operation with PHI asks who is there", API, when=phi,
    remedy="Give the operation a security requirement; open ones are listed with their reason.",
)  # fmt: skip
def _authorised(api: View) -> Iterator[str]:
    document = _document(api)
    default = document.get("security", [])
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            if method == "parameters" or operation.get("security", default):
                continue
            if not (path.startswith(OPEN_PREFIXES) or path.endswith(OPEN_ENDINGS)):
                yield f"{method.upper()} {path} is open to anybody"


@BOOK.rule(
    "partners-mutual-tls", "Partners prove who they are with a certificate of their own", API, scope="stack",
    when=lambda api: "x-api-key" in str(api["body"]),
    remedy="Set mutual_tls_authentication on the partners' domain name.",
)  # fmt: skip
def _mutual(api: View) -> Iterator[str]:
    names = [str(one["domainName"]) for one in api.about("aws:apigateway/basePathMapping:BasePathMapping")]
    domains = [one for one in api.beside(DOMAIN) if one["domainName"] in names]
    if not domains:
        raise CannotTell("domainName")
    for domain in domains:
        if not domain.given("mutualTlsAuthentication.truststoreUri"):
            yield f"{domain['domainName']} takes anybody with a key that can be passed on"


@BOOK.rule(
    "firewall-knows-attacks", "The firewall knows known attacks and slows down who asks too often", ACL,
    remedy="Add AWSManagedRulesCommonRuleSet, KnownBadInputs and SQLi, and a rate-based rule.",
)  # fmt: skip
def _knows(acl: View) -> Iterator[str]:
    groups = {str(rule["statement.managedRuleGroupStatement.name"]) for rule in acl.each("rules")}
    for name in ("CommonRuleSet", "KnownBadInputsRuleSet", "SQLiRuleSet"):
        if f"AWSManagedRules{name}" not in groups:
            yield f"has no AWSManagedRules{name}"
    if not any(rule["statement.rateBasedStatement"] for rule in acl.each("rules")):
        yield "lets one address ask as often as it likes"


@BOOK.rule(
    "firewall-blocks", "The firewall's rules refuse, they do not only count", ACL,
    remedy="Set override_action to none for managed groups.",
)  # fmt: skip
def _blocks(acl: View) -> Iterator[str]:
    def check(rule: Node) -> Iterator[str]:
        if rule["overrideAction.count"] is not None or rule["action.count"] is not None:
            yield f"{rule['name']} only counts"

    yield from across(acl.each("rules"), check)


@BOOK.rule(
    "firewall-log-redacted", "The firewall logs what it refused, without tokens, cookies and query strings",
    ACL, scope="stack",
    remedy="Add a WebAclLoggingConfiguration with redacted_fields for authorization, cookie and query string.",
)  # fmt: skip
def _redacted(acl: View) -> Iterator[str]:
    logs = acl.about("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")
    if not logs:
        yield "nobody learns what was refused"
    for log in logs:
        fields = log.each("redactedFields")
        headers = {str(field["singleHeader.name"]) for field in fields}
        missing = {"authorization", "cookie"} - headers
        if not any(field.at("queryString").raw is not None for field in fields):
            missing.add("query string")
        if missing:
            yield f"its log shows {', '.join(sorted(missing))}"
