"""Role assignments as Cognito knows them: one group, and three custom attributes that end up in the ID token.

The order matters. Attributes first would, for a moment, give the old role at the new facilities; so the account loses
its roles, gets the attributes, and then the new role. Whatever fails in between leaves it with less, never with more.
"""

import asyncio
from typing import TYPE_CHECKING

from services.contracts.roles import Role
from services.directory.domain.records import RoleAssignment
from services.directory.ports import Account
from services.kernel.errors import NotFound
from services.kernel.resilience import Budget, Dependency

if TYPE_CHECKING:
    from types_boto3_cognito_idp.client import CognitoIdentityProviderClient

ROLES = frozenset(role.value for role in Role)


class CognitoAccounts:
    """ports.Accounts over the user pool ``pool_id``."""

    def __init__(self, client: "CognitoIdentityProviderClient", pool_id: str) -> None:
        self._client = client
        self._pool = pool_id
        self._cognito = Dependency("cognito", Budget(timeout=5.0))

    async def find(self, username: str) -> Account | None:
        """Return the account, None when there is none; raise Unavailable when Cognito does not answer."""
        return await self._cognito.call(lambda: asyncio.to_thread(self._find, username))

    async def assign(self, assignment: RoleAssignment) -> None:
        """Make the account's role, facilities and person those of ``assignment``; raise NotFound without account."""
        await self._cognito.call(lambda: asyncio.to_thread(self._assign, assignment))

    def _find(self, username: str) -> Account | None:
        try:
            user = self._client.admin_get_user(UserPoolId=self._pool, Username=username)
        except self._client.exceptions.UserNotFoundException:
            return None
        attributes = {attribute["Name"]: attribute.get("Value", "") for attribute in user.get("UserAttributes", [])}
        listed = self._client.admin_list_groups_for_user(UserPoolId=self._pool, Username=username, Limit=60)
        return Account(
            username=user["Username"],
            subject=attributes.get("sub", ""),
            roles=frozenset(group.get("GroupName", "") for group in listed["Groups"]) & ROLES,
            facilities=frozenset(attributes.get("custom:facilities", "").split()),
            clearances=frozenset(attributes.get("custom:clearances", "").split()),
            person=attributes.get("custom:person", ""),
        )

    def _assign(self, assignment: RoleAssignment) -> None:
        pool, username, role = self._pool, assignment.username, assignment.role.value
        account = self._find(username)
        if account is None:
            raise NotFound("No account has this user name.")
        for group in sorted(account.roles):
            self._client.admin_remove_user_from_group(UserPoolId=pool, Username=username, GroupName=group)
        self._client.admin_update_user_attributes(
            UserPoolId=pool,
            Username=username,
            UserAttributes=[
                {"Name": "custom:facilities", "Value": " ".join(assignment.facilities)},
                {"Name": "custom:person", "Value": assignment.person},
                {"Name": "custom:clearances", "Value": " ".join(assignment.clearances)},
            ],
        )
        self._client.admin_add_user_to_group(UserPoolId=pool, Username=username, GroupName=role)
