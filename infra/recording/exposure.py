"""What of a recorded stack the internet can reach, or could: told in every preview, judged by policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.recording.graph import Graph, Resource

Inputs = Mapping[str, Any]
ANYWHERE = {"0.0.0.0/0", "::/0"}


def exposed(graph: Graph) -> Iterator[tuple[Resource, str]]:
    """Yield each resource that is open to the internet, and how."""
    for resource in graph.resources:
        way = _WAYS.get(resource.type)
        if way is not None and (how := way(resource.inputs)):
            yield resource, how


def _open_group(inputs: Inputs) -> str:
    rules = inputs.get("ingress") or ()
    if any(ANYWHERE & {*rule.get("cidrBlocks", ()), *rule.get("ipv6CidrBlocks", ())} for rule in rules):
        return "takes connections from anywhere"
    return ""


def _open_rule(inputs: Inputs) -> str:
    anywhere = ANYWHERE & {inputs.get("cidrIpv4", ""), inputs.get("cidrIpv6", "")}
    return "takes connections from anywhere" if anywhere else ""


def _cluster_endpoint(inputs: Inputs) -> str:
    # EKS and its component publish the endpoint unless told not to.
    config = inputs.get("vpcConfig", inputs)
    return "its API endpoint is public" if config.get("endpointPublicAccess", True) else ""


def public_bucket(inputs: Inputs) -> str:
    """Say what a bucket's public access block leaves open; empty if nothing."""
    blocks = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    missing = [block for block in blocks if inputs.get(block) is not True]
    return f"public access is not blocked by {', '.join(missing)}" if missing else ""


def _rest_api(inputs: Inputs) -> str:
    types = (inputs.get("endpointConfiguration") or {}).get("types", "EDGE")
    return "" if "PRIVATE" in types else "an API with a public address"


def _app_runner(inputs: Inputs) -> str:
    ingress = (inputs.get("networkConfiguration") or {}).get("ingressConfiguration") or {}
    return "a service with a public address" if ingress.get("isPubliclyAccessible", True) else ""


_WAYS: Mapping[str, Callable[[Inputs], str]] = {
    "aws:apigateway/restApi:RestApi": _rest_api,
    "aws:apigatewayv2/api:Api": lambda _: "an API with a public address",
    "aws:apprunner/service:Service": _app_runner,
    "aws:cloudfront/distribution:Distribution": lambda _: "a distribution with a public address",
    "aws:cognito/userPoolDomain:UserPoolDomain": lambda _: "a sign-in page with a public address",
    "aws:ec2/internetGateway:InternetGateway": lambda _: "joins the network to the internet",
    "aws:ec2/securityGroup:SecurityGroup": _open_group,
    "aws:ec2/subnet:Subnet": lambda i: "gives machines public addresses" if i.get("mapPublicIpOnLaunch") else "",
    "aws:ecs/expressGatewayService:ExpressGatewayService": lambda _: "a service behind a load balancer ECS makes",
    "aws:eks/cluster:Cluster": _cluster_endpoint,
    "aws:lambda/functionUrl:FunctionUrl": lambda _: "a function with a public address",
    "aws:lb/loadBalancer:LoadBalancer": lambda i: "" if i.get("internal") else "a load balancer on the internet",
    "aws:rds/clusterInstance:ClusterInstance": lambda i: "a public database" if i.get("publiclyAccessible") else "",
    "aws:rds/instance:Instance": lambda i: "a public database" if i.get("publiclyAccessible") else "",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": public_bucket,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _open_rule,
    "eks:index:Cluster": _cluster_endpoint,
}
