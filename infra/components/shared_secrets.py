"""Secrets that every region needs to be the same: what one region signed or sealed, the other must be able to open.

Secrets Manager copies them to the standbys, each under its own region's key; a service reads its own region's copy.
They are declared without a value: an operator or the key rotation puts one in, so that none passes through a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """A secret, the service it belongs to, and what it is for."""

    name: str
    service: str
    purpose: str


# What belongs to no service, but to the clusters.
PLATFORM = "platform"
# Public keys and key ids are no secrets, but change with the private keys, in one go and in every region.
SHARED_SECRETS: tuple[SharedSecret, ...] = (
    SharedSecret("availability-offer-key-id", "availability", "Name of the key that signs slot offers of searches"),
    SharedSecret("waitlist-offer-key-id", "waitlist", "Name of the key that signs slot offers to waiting patients"),
    SharedSecret("booking-offer-keys", "booking", "Public keys that slot offers are checked with (JWKS)"),
    SharedSecret("booking-break-glass-keys", "booking", "Public keys that emergency accesses are checked with (JWKS)"),
    SharedSecret("directory-break-glass-keys", "directory", "Public keys that emergency accesses are checked with"),
    SharedSecret("directory-break-glass-key-id", "directory", "Name of the key that signs emergency accesses"),
    SharedSecret("directory-break-glass-signing-key", "directory", "Private key that signs emergency accesses"),
    SharedSecret("platform-alertmanager-receivers", PLATFORM, "Whom alerts wake: an address or key a receiver"),
    SharedSecret("availability-offer-signing-key", "availability", "Ed25519 key that signs slot offers of searches"),
    SharedSecret("waitlist-offer-signing-key", "waitlist", "Ed25519 key that signs slot offers to waiting patients"),
    SharedSecret("portal-session-keys", "portal", "Fernet keys that seal sign-in sessions"),
    SharedSecret("booking-client-secret", "booking", "OAuth client secret by which booking searches for patients"),
    SharedSecret("waitlist-client-secret", "waitlist", "OAuth client secret by which the waiting list books"),
)


@dataclass(frozen=True, slots=True)
class SharedSecretsArgs:
    """``key_arns``: each region's key for PHI, by region."""

    key_arns: Mapping[str, pulumi.Output[str]]


class SharedSecrets(Component):
    """The secrets, in the primary region, with a copy in every standby."""

    data_class = "phi"
    arns: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope, args: SharedSecretsArgs) -> None:
        super().__init__(name, scope)
        self.arns = pulumi.Output.all(**{secret.name: self._secret(secret, args).arn for secret in SHARED_SECRETS})
        self.registered()

    def _secret(self, secret: SharedSecret, args: SharedSecretsArgs) -> aws.secretsmanager.Secret:
        environment = self.scope.environment
        return aws.secretsmanager.Secret(
            f"{self.name}-{secret.name}",
            name=self.scope.named(secret.name),
            description=secret.purpose,
            kms_key_id=args.key_arns[self.scope.region],
            recovery_window_in_days=30 if environment.protected else 7,
            replicas=[
                aws.secretsmanager.SecretReplicaArgs(region=standby, kms_key_id=args.key_arns[standby])
                for standby in environment.standbys
            ],
            tags={"service": secret.service},
            opts=self.child(protect=environment.protected),
        )
