"""Who signs in: a Cognito user pool with the clients, scopes, groups and attributes of services/contracts.

A pool belongs to its region and Cognito copies no users or passwords: the standby's pool has the same shape and is
empty until its people are brought in. docs/decisions/0105 says what that means on a failover.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from services.contracts.clients import (
    ATTRIBUTES,
    CLIENTS,
    POOL,
    REFRESH_HOURS,
    RESOURCE_SERVER,
    SCOPES,
    SERVICE_SCOPES,
    TOKEN_MINUTES,
    AppClient,
)
from services.contracts.roles import Role

LONGEST_ATTRIBUTE = 2048
INVITATION_DAYS = 7
UNITS = aws.cognito.UserPoolClientTokenValidityUnitsArgs(
    access_token="minutes",  # noqa: S106 -- a unit of time
    id_token="minutes",  # noqa: S106 -- a unit of time
    refresh_token="hours",  # noqa: S106 -- a unit of time
)


@dataclass(frozen=True, slots=True)
class UserPoolArgs:
    """``mfa``: Cognito knows one rule for the whole pool, so required for staff means required for everyone."""

    mfa: Literal["required", "optional"] = "required"
    password_length: int = 14


class UserPool(Component):
    """The pool, its groups, its resource server and its app clients."""

    data_class = "phi"
    pool_id: pulumi.Output[str]
    pool_arn: pulumi.Output[str]
    client_ids: pulumi.Output[Mapping[str, str]]

    def __init__(self, name: str, scope: Scope, args: UserPoolArgs) -> None:
        super().__init__(name, scope)
        pool = self._pool(args)
        for role in Role:
            if role is not Role.EXTERNAL_APP:
                aws.cognito.UserGroup(f"{name}-{role.value}", name=role.value, user_pool_id=pool.id, opts=self.child())
        server = aws.cognito.ResourceServer(
            name,
            identifier=RESOURCE_SERVER,
            name=RESOURCE_SERVER,
            user_pool_id=pool.id,
            scopes=[
                aws.cognito.ResourceServerScopeArgs(scope_name=scope_name, scope_description=text)
                for scope_name, text in (SCOPES | SERVICE_SCOPES).items()
            ],
            opts=self.child(),
        )
        clients = {client.name: self._client(pool, server, client) for client in CLIENTS}
        self._refuse_what_is_known_to_be_stolen(pool)
        # Apps ask for their tokens here; people sign in through the portal.
        aws.cognito.UserPoolDomain(
            name, domain=scope.named(scope.region), user_pool_id=pool.id, managed_login_version=2, opts=self.child()
        )
        self.pool_id, self.pool_arn = pool.id, pool.arn
        self.client_ids = pulumi.Output.all(**{client: made.id for client, made in clients.items()})
        self.registered()

    def _pool(self, args: UserPoolArgs) -> aws.cognito.UserPool:
        protected = self.scope.environment.protected
        return aws.cognito.UserPool(
            self.name,
            name=POOL,
            user_pool_tier="PLUS",
            mfa_configuration="ON" if args.mfa == "required" else "OPTIONAL",
            software_token_mfa_configuration=aws.cognito.UserPoolSoftwareTokenMfaConfigurationArgs(enabled=True),
            user_pool_add_ons=aws.cognito.UserPoolUserPoolAddOnsArgs(
                advanced_security_mode="ENFORCED",
                advanced_security_additional_flows=(
                    aws.cognito.UserPoolUserPoolAddOnsAdvancedSecurityAdditionalFlowsArgs(custom_auth_mode="ENFORCED")
                ),
            ),
            password_policy=aws.cognito.UserPoolPasswordPolicyArgs(
                minimum_length=args.password_length,
                require_lowercase=True,
                require_uppercase=True,
                require_numbers=True,
                require_symbols=True,
                password_history_size=24,
                temporary_password_validity_days=INVITATION_DAYS,
            ),
            # Nobody makes an account for themselves: front desks do, for patients whose identity they have seen.
            admin_create_user_config=aws.cognito.UserPoolAdminCreateUserConfigArgs(allow_admin_create_user_only=True),
            account_recovery_setting=aws.cognito.UserPoolAccountRecoverySettingArgs(
                recovery_mechanisms=[
                    aws.cognito.UserPoolAccountRecoverySettingRecoveryMechanismArgs(name="verified_email", priority=1)
                ]
            ),
            username_configuration=aws.cognito.UserPoolUsernameConfigurationArgs(case_sensitive=False),
            schemas=[
                aws.cognito.UserPoolSchemaArgs(
                    name=attribute,
                    attribute_data_type="String",
                    mutable=True,
                    developer_only_attribute=False,
                    string_attribute_constraints=aws.cognito.UserPoolSchemaStringAttributeConstraintsArgs(
                        min_length="0", max_length=str(LONGEST_ATTRIBUTE)
                    ),
                )
                for attribute in ATTRIBUTES
            ],
            deletion_protection="ACTIVE" if protected else "INACTIVE",
            opts=self.child(protect=protected),
        )

    def _client(
        self, pool: aws.cognito.UserPool, server: aws.cognito.ResourceServer, client: AppClient
    ) -> aws.cognito.UserPoolClient:
        if client.for_people:
            return aws.cognito.UserPoolClient(
                f"{self.name}-{client.name}",
                name=client.name,
                user_pool_id=pool.id,
                generate_secret=False,
                explicit_auth_flows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
                prevent_user_existence_errors="ENABLED",
                enable_token_revocation=True,
                id_token_validity=TOKEN_MINUTES,
                access_token_validity=TOKEN_MINUTES,
                refresh_token_validity=REFRESH_HOURS,
                token_validity_units=UNITS,
                # Who someone is and where they work is not theirs to change.
                read_attributes=_custom(ATTRIBUTES),
                write_attributes=["email"],
                opts=self.child(),
            )
        return aws.cognito.UserPoolClient(
            f"{self.name}-{client.name}",
            name=client.name,
            user_pool_id=pool.id,
            generate_secret=True,
            allowed_oauth_flows=["client_credentials"],
            allowed_oauth_flows_user_pool_client=True,
            allowed_oauth_scopes=list(client.asked_as),
            enable_token_revocation=True,
            access_token_validity=TOKEN_MINUTES,
            token_validity_units=UNITS,
            # The server's scopes are there before a client may ask for them.
            opts=self.child(depends_on=[server]),
        )

    def _refuse_what_is_known_to_be_stolen(self, pool: aws.cognito.UserPool) -> None:
        """Block passwords found in breaches and sign-ins that look like someone else's (45 CFR 164.312(d))."""
        risk = aws.cognito
        aws.cognito.RiskConfiguration(
            self.name,
            user_pool_id=pool.id,
            compromised_credentials_risk_configuration=risk.RiskConfigurationCompromisedCredentialsRiskConfigurationArgs(
                actions=risk.RiskConfigurationCompromisedCredentialsRiskConfigurationActionsArgs(event_action="BLOCK")
            ),
            account_takeover_risk_configuration=risk.RiskConfigurationAccountTakeoverRiskConfigurationArgs(
                actions=risk.RiskConfigurationAccountTakeoverRiskConfigurationActionsArgs(
                    high_action=risk.RiskConfigurationAccountTakeoverRiskConfigurationActionsHighActionArgs(
                        event_action="BLOCK", notify=False
                    ),
                    medium_action=risk.RiskConfigurationAccountTakeoverRiskConfigurationActionsMediumActionArgs(
                        event_action="MFA_REQUIRED", notify=False
                    ),
                )
            ),
            opts=self.child(),
        )


def _custom(attributes: Sequence[str]) -> list[str]:
    return ["email", "email_verified", *(f"custom:{attribute}" for attribute in attributes)]
