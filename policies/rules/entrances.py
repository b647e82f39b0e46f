"""Load balancers, listeners, certificates and names: where requests come in."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rules.judging import Book, phi
from policies.rules.reading import View

BOOK = Book()
RULES = BOOK.rules
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
RECORD = "aws:route53/record:Record"


@BOOK.rule(
    "load-balancer-internal", "Load balancers that carry PHI are not on the internet", BALANCER, when=phi,
    remedy="Set internal to true; the API Gateway with its firewall is the way in.",
)  # fmt: skip
def _internal(balancer: View) -> Iterator[str]:
    if not balancer.on("internal"):
        yield "has a public address"


@BOOK.rule(
    "load-balancer-logs", "Load balancers log every request", BALANCER, scope="stack",
    remedy="Set access_logs with enabled true and the bucket for access logs.",
)  # fmt: skip
def _logs(balancer: View) -> Iterator[str]:
    if not (balancer.on("accessLogs.enabled") and balancer.given("accessLogs.bucket")):
        yield "logs no requests"


@BOOK.rule(
    "load-balancer-refuses-malformed", "Load balancers refuse requests that are not what they seem", BALANCER,
    when=lambda balancer: balancer["loadBalancerType"] in {None, "application"},
    remedy="Set drop_invalid_header_fields and desync_mitigation_mode to defensive or strictest.",
)  # fmt: skip
def _malformed(balancer: View) -> Iterator[str]:
    if not balancer.on("dropInvalidHeaderFields"):
        yield "passes on headers that are no headers"
    if balancer["desyncMitigationMode"] == "monitor":
        yield "only counts requests made for smuggling others"


@BOOK.rule(
    "listener-tls", "Listeners speak TLS 1.2 or newer", "aws:lb/listener:Listener",
    remedy="Set protocol HTTPS (or TLS) and a policy of the family ELBSecurityPolicy-TLS13-1-2.",
)  # fmt: skip
def _listener(listener: View) -> Iterator[str]:
    redirects = [action["type"] for action in listener.each("defaultActions")] == ["redirect"]
    if listener["protocol"] not in {"HTTPS", "TLS"}:
        if not redirects:
            yield f"takes requests over {listener['protocol'] or 'plain HTTP'}"
    elif not str(listener["sslPolicy"] or "").startswith(
        ("ELBSecurityPolicy-TLS13-1-2", "ELBSecurityPolicy-TLS13-1-3")
    ):
        yield f"its policy {listener['sslPolicy'] or '(the default)'} takes versions of TLS that are broken"


@BOOK.rule(
    "health-check-private", "Health checks go over TLS and ask for nothing that tells of patients",
    "aws:route53/healthCheck:HealthCheck",
    when=lambda check: check["type"] not in {"CLOUDWATCH_METRIC", "CALCULATED", "RECOVERY_CONTROL"},
    remedy="Set type HTTPS, and resource_path to a readiness path.",
)  # fmt: skip
def _health_check(check: View) -> Iterator[str]:
    if not str(check["type"]).startswith("HTTPS"):
        yield f"goes over {check['type']}"
    if not str(check["resourcePath"] or "").startswith("/health"):
        yield f"asks for {check['resourcePath'] or 'nothing'}, which is no path of health"


@BOOK.rule(
    "failover-record-watched", "A record that fails over is watched", RECORD, scope="stack",
    when=lambda record: bool(record.each("failoverRoutingPolicies")),
    remedy="Give the primary's record a health_check_id.",
)  # fmt: skip
def _watched(record: View) -> Iterator[str]:
    primary = any(policy["type"] == "PRIMARY" for policy in record.each("failoverRoutingPolicies"))
    if primary and not record.given("healthCheckId"):
        yield "no health check decides when it fails over"


@BOOK.rule(
    "certificate-modern", "Certificates have keys that hold", "aws:acm/certificate:Certificate",
    remedy="Leave key_algorithm out (RSA 2048) or set EC_prime256v1, EC_secp384r1, RSA_3072 or RSA_4096.",
)  # fmt: skip
def _certificate(certificate: View) -> Iterator[str]:
    if certificate["keyAlgorithm"] in {"RSA_1024", "EC_prime192v1"}:
        yield f"its key {certificate['keyAlgorithm']} is too weak"
    if certificate["validationMethod"] not in {None, "DNS"}:
        yield "is validated by mail, so that it is not renewed by itself"
