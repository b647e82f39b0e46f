"""The cluster component as Terraform would have it: what is not said is what AWS would do without it."""

from __future__ import annotations

from policies.checkov.cluster import cluster


def test_a_cluster_that_says_nothing_is_open() -> None:
    type_, made = cluster({})
    assert type_ == "aws_eks_cluster"
    assert made["vpc_config"][0]["endpoint_public_access"] is True
    assert made["enabled_cluster_log_types"] == []
    assert "encryption_config" not in made


def test_what_is_said_is_told() -> None:
    _, made = cluster(
        {
            "endpointPublicAccess": False, "endpointPrivateAccess": True, "encryptionConfigKeyArn": "arn:key",
            "enabledClusterLogTypes": ["audit"], "version": "1.35", "tags": {"data-class": "phi"},
        }
    )  # fmt: skip
    assert made["vpc_config"] == [{"endpoint_private_access": True, "endpoint_public_access": False, "subnet_ids": []}]
    assert made["encryption_config"] == [{"provider": [{"key_arn": "arn:key"}], "resources": ["secrets"]}]
    assert (made["version"], made["tags"]) == ("1.35", {"data-class": "phi"})
