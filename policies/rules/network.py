"""What the network lets in, lets out and writes down."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rules.documents import allows, anyone, conditions, statements
from policies.rules.judging import Book, phi
from policies.rules.reading import Node, View, across

BOOK = Book()
RULES = BOOK.rules
ANYWHERE = {"0.0.0.0/0", "::/0"}
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
VPC = "aws:ec2/vpc:Vpc"
# What carries PHI or keys to it and would otherwise be reached over the internet.
PRIVATELY = ("ecr.api", "ecr.dkr", "events", "kms", "logs", "s3", "secretsmanager", "sqs", "sts")


@BOOK.rule(
    "vpc-flow-logs", "Every VPC logs all of its traffic", VPC, scope="stack",
    remedy="Add an aws.ec2.FlowLog of the VPC with traffic_type ALL (infra/components/network.py).",
)  # fmt: skip
def _flow_logs(vpc: View) -> Iterator[str]:
    if not any(log["trafficType"] == "ALL" for log in vpc.about("aws:ec2/flowLog:FlowLog")):
        yield "no flow log records all of its traffic"


@BOOK.rule(
    "subnet-no-public-addresses", "Subnets give machines no public addresses", "aws:ec2/subnet:Subnet",
    remedy="Set map_public_ip_on_launch to false and assign no IPv6 addresses on creation.",
)  # fmt: skip
def _no_public_addresses(subnet: View) -> Iterator[str]:
    for switch in ("mapPublicIpOnLaunch", "assignIpv6AddressOnCreation"):
        if subnet.on(switch):
            yield f"{switch} gives machines public addresses"


@BOOK.rule(
    "route-no-internet-gateway", "No route leads in from the internet",
    "aws:ec2/routeTable:RouteTable", "aws:ec2/route:Route", scope="stack",
    remedy="Route to a NAT gateway or an endpoint; there are private subnets only.",
)  # fmt: skip
def _no_internet_gateway(table: View) -> Iterator[str]:
    if table.named("routes", "aws:ec2/internetGateway:InternetGateway") or table.named(
        "gatewayId", "aws:ec2/internetGateway:InternetGateway"
    ):
        yield "routes to an internet gateway"


def _ranges(rule: Node) -> set[str]:
    return {
        *rule.words("cidrBlocks"), *rule.words("ipv6CidrBlocks"), *rule.words("cidrIpv4"), *rule.words("cidrIpv6"),
    }  # fmt: skip


@BOOK.rule(
    "security-group-ingress-closed", "No security group takes connections from anywhere", GROUP, INGRESS, OLD_RULE,
    remedy="Name the source: another security group, or the VPC's range.",
)  # fmt: skip
def _ingress_closed(group: View) -> Iterator[str]:
    def check(rule: Node) -> Iterator[str]:
        if open_to := sorted(ANYWHERE & _ranges(rule)):
            yield f"takes connections from {', '.join(open_to)}"

    if group.type == GROUP:
        yield from across(group.each("ingress"), check)
    elif group.type == INGRESS or group["type"] == "ingress":
        yield from check(group)


@BOOK.rule(
    "security-group-ports-narrow", "Security groups open single ports, not all", GROUP, INGRESS, OLD_RULE,
    remedy="Open the one port that is listened on (from_port, to_port, protocol tcp).",
)  # fmt: skip
def _ports_narrow(group: View) -> Iterator[str]:
    def check(rule: Node) -> Iterator[str]:
        protocol = str(rule["ipProtocol"] if rule["ipProtocol"] is not None else rule["protocol"])
        wide = rule.number("toPort") - rule.number("fromPort") > 1000
        if protocol in {"-1", "all"} or wide:
            yield "opens all ports"

    if group.type == GROUP:
        yield from across(group.each("ingress"), check)
    elif group.type == INGRESS or group["type"] == "ingress":
        yield from check(group)


@BOOK.rule(
    "security-group-egress-narrow", "What goes anywhere goes over TLS alone", GROUP, EGRESS,
    remedy="Allow TCP 443 only to 0.0.0.0/0; name the destination of everything else.",
)  # fmt: skip
def _egress_narrow(group: View) -> Iterator[str]:
    def check(rule: Node) -> Iterator[str]:
        tls = rule["fromPort"] == 443 and rule["toPort"] == 443
        if ANYWHERE & _ranges(rule) and not tls:
            yield "lets anything out to anywhere"

    yield from across(group.each("egress") if group.type == GROUP else [group], check)


@BOOK.rule(
    "default-security-group-closed", "The VPC's default security group lets nothing through", VPC, scope="stack",
    remedy="Add an aws.ec2.DefaultSecurityGroup of the VPC with no ingress and no egress.",
)  # fmt: skip
def _default_closed(vpc: View) -> Iterator[str]:
    groups = vpc.about("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    if not groups:
        yield "its default security group is as AWS makes it: open within itself"
    for group in groups:
        if group.each("ingress") or group.each("egress"):
            yield f"{group.name} lets something through"


@BOOK.rule(
    "endpoint-own-account", "Interface endpoints serve this account alone", "aws:ec2/vpcEndpoint:VpcEndpoint",
    when=lambda endpoint: endpoint["vpcEndpointType"] == "Interface",
    remedy="Give the endpoint a policy with the condition aws:PrincipalAccount (or aws:ResourceAccount).",
)  # fmt: skip
def _own_account(endpoint: View) -> Iterator[str]:
    if endpoint.at("policy").raw is None:
        yield "without a policy it takes any account's credentials, data going out included"
        return
    for statement in statements(endpoint, "policy"):
        keys = {"aws:principalaccount", "aws:resourceaccount", "aws:principalorgid", "aws:resourceorgid"}
        if allows(statement) and anyone(statement) and not keys & conditions(statement).keys():
            yield "its policy lets any account's credentials through"


@BOOK.rule(
    "endpoint-private-names", "Interface endpoints answer under the services' own names, guarded by a security group",
    "aws:ec2/vpcEndpoint:VpcEndpoint", scope="stack",
    when=lambda endpoint: endpoint["vpcEndpointType"] == "Interface",
    remedy="Set private_dns_enabled and security_group_ids.",
)  # fmt: skip
def _private_names(endpoint: View) -> Iterator[str]:
    if not endpoint.on("privateDnsEnabled"):
        yield "programs that use the service's name go round it, over the internet"
    if not endpoint.given("securityGroupIds"):
        yield "no security group guards it"


@BOOK.rule(
    "vpc-endpoints-for-phi", "What carries PHI to AWS's services has a private way there", VPC, scope="stack", when=phi,
    remedy="Add the missing VPC endpoints (infra/components/network.py lists them).",
)  # fmt: skip
def _endpoints(vpc: View) -> Iterator[str]:
    there = {str(endpoint["serviceName"]) for endpoint in vpc.about("aws:ec2/vpcEndpoint:VpcEndpoint")}
    missing = [service for service in PRIVATELY if not any(name.endswith(f".{service}") for name in there)]
    if missing:
        yield f"no endpoint for {', '.join(missing)}"
