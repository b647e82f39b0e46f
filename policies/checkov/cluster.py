"""The one component of another's making, `eks:index:Cluster`, as the cluster Terraform would make of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLUSTER_TYPE = "eks:index:Cluster"


def cluster(inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return what Checkov has an opinion on: logs, encryption, endpoints, version, tags."""
    open_to = inputs.get("publicAccessCidrs")
    network = {
        "endpoint_private_access": inputs.get("endpointPrivateAccess", False),
        "endpoint_public_access": inputs.get("endpointPublicAccess", True),
        "subnet_ids": inputs.get("privateSubnetIds", inputs.get("subnetIds", [])),
        **({"public_access_cidrs": open_to} if open_to else {}),
    }
    key = inputs.get("encryptionConfigKeyArn")
    return "aws_eks_cluster", {
        "name": inputs.get("name", ""),
        # Pulumi's component spells them as its enumeration does, AWS all of it is what is meant.
        "enabled_cluster_log_types": inputs.get("enabledClusterLogTypes", []),
        "vpc_config": [network],
        **({"version": inputs["version"]} if "version" in inputs else {}),
        **({"encryption_config": [{"provider": [{"key_arn": key}], "resources": ["secrets"]}]} if key else {}),
        **({"tags": inputs["tags"]} if "tags" in inputs else {}),
    }
