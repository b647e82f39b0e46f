"""Who may sign in on the laptop: a Cognito user pool in the emulator, shaped as the estate shapes the real
one.

People carry their role as a group and their facilities and person as custom attributes, which Cognito puts
into ID tokens; apps use the client-credentials grant, whose access tokens carry scopes and nothing else. The
pool's id stays over a clean restart of the emulator and changes after it was killed, so everything here can
be made again at any time.
"""

from __future__ import annotations

import base64
import json
import urllib.parse
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.contracts.clients import (
    ATTRIBUTES,
    BOOKING,
    EXTERNAL_APP,
    POOL,
    PORTAL,
    REBUILD,
    REFRESH_HOURS,
    RESOURCE_SERVER,
    SCOPES,
    SERVICE_SCOPES,
    TOKEN_MINUTES,
    WAITLIST,
    AppClient,
)
from services.contracts.roles import Role
from services.local.aws import Aws
from services.local.emulator import REGION

if TYPE_CHECKING:
    from types_boto3_cognito_idp.type_defs import (
        AttributeTypeTypeDef,
        ResourceServerScopeTypeTypeDef,
        SchemaAttributeTypeTypeDef,
    )

PEOPLE = tuple(role for role in Role if role is not Role.EXTERNAL_APP)


@dataclass(frozen=True, slots=True)
class Identity:
    """The pool and its app clients, as services and the gateway need them."""

    pool_id: str
    issuer: str
    jwks_url: str
    token_url: str
    portal_client_id: str
    app_client_id: str
    app_client_secret: str
    waitlist_client_id: str = ""
    waitlist_client_secret: str = ""
    booking_client_id: str = ""
    booking_client_secret: str = ""
    rebuild_client_id: str = ""
    rebuild_client_secret: str = ""

    @property
    def audiences(self) -> tuple[str, ...]:
        """The client ids whose tokens a service accepts."""
        clients = (
            self.portal_client_id, self.app_client_id, self.waitlist_client_id, self.booking_client_id,
            self.rebuild_client_id,
        )  # fmt: skip
        return tuple(client for client in clients if client)


def ensure_pool(aws: Aws, name: str = POOL) -> Identity:
    """Find the pool by name or make it, with groups, scopes and app clients; making it twice changes
    nothing.
    """
    pool_id = _ensure_pool(aws, name)
    _ensure_groups(aws, pool_id)
    _ensure_scopes(aws, pool_id)
    portal, _ = _ensure_client(aws, pool_id, PORTAL)
    app, secret = _ensure_client(aws, pool_id, EXTERNAL_APP)
    waitlist, waitlist_secret = _ensure_client(aws, pool_id, WAITLIST)
    booking, booking_secret = _ensure_client(aws, pool_id, BOOKING)
    rebuild, rebuild_secret = _ensure_client(aws, pool_id, REBUILD)
    return Identity(
        pool_id=pool_id,
        issuer=f"https://cognito-idp.{REGION}.amazonaws.com/{pool_id}",
        jwks_url=f"{aws.endpoint_url}/{pool_id}/.well-known/jwks.json",
        token_url=f"{aws.endpoint_url}/oauth2/token",
        portal_client_id=portal,
        app_client_id=app,
        app_client_secret=secret,
        waitlist_client_id=waitlist,
        waitlist_client_secret=waitlist_secret,
        booking_client_id=booking,
        booking_client_secret=booking_secret,
        rebuild_client_id=rebuild,
        rebuild_client_secret=rebuild_secret,
    )


def ensure_user(
    aws: Aws,
    identity: Identity,
    username: str,
    password: str,
    role: Role,
    person: str = "",
    facilities: Iterable[str] = (),
    clearances: Iterable[str] = (),
) -> str:
    """Make or correct a user: password, one role, the person it is, the facilities it works for (`*` for
    all).

    Returns the user's `sub`. The new attributes are in the tokens of the next sign-in.
    """
    attributes: list[AttributeTypeTypeDef] = [
        {"Name": "custom:person", "Value": person},
        {"Name": "custom:facilities", "Value": " ".join(sorted(facilities))},
        {"Name": "custom:clearances", "Value": " ".join(sorted(clearances))},
    ]
    cognito, pool = aws.cognito, identity.pool_id
    try:
        cognito.admin_get_user(UserPoolId=pool, Username=username)
        cognito.admin_update_user_attributes(UserPoolId=pool, Username=username, UserAttributes=attributes)
    except cognito.exceptions.UserNotFoundException:
        cognito.admin_create_user(
            UserPoolId=pool, Username=username, UserAttributes=attributes, MessageAction="SUPPRESS"
        )
    cognito.admin_set_user_password(UserPoolId=pool, Username=username, Password=password, Permanent=True)
    groups = {
        group["GroupName"] for group in cognito.admin_list_groups_for_user(UserPoolId=pool, Username=username)["Groups"]
    }
    for former in groups - {role.value}:
        cognito.admin_remove_user_from_group(UserPoolId=pool, Username=username, GroupName=former)
    if role.value not in groups:
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=username, GroupName=role.value)
    found = cognito.admin_get_user(UserPoolId=pool, Username=username)["UserAttributes"]
    return next(attribute["Value"] for attribute in found if attribute["Name"] == "sub")


def sign_in(aws: Aws, identity: Identity, username: str, password: str) -> str:
    """Return an ID token; a wrong name or password raises Cognito's NotAuthorizedException."""
    answer = aws.cognito.initiate_auth(
        ClientId=identity.portal_client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": username, "PASSWORD": password},
    )
    return answer["AuthenticationResult"]["IdToken"]


def app_token(identity: Identity, scopes: Iterable[str] = SCOPES) -> str:
    """Return an access token of the external app by the client-credentials grant (RFC 6749 section 4.4)."""
    secret = base64.b64encode(f"{identity.app_client_id}:{identity.app_client_secret}".encode()).decode()
    form = {"grant_type": "client_credentials", "scope": " ".join(f"{RESOURCE_SERVER}/{name}" for name in scopes)}
    request = urllib.request.Request(
        identity.token_url,
        urllib.parse.urlencode(form).encode(),
        {"Authorization": f"Basic {secret}", "Content-Type": "application/x-www-form-urlencoded"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(json.load(answer)["access_token"])


def _ensure_pool(aws: Aws, name: str) -> str:
    for page in aws.cognito.get_paginator("list_user_pools").paginate(PaginationConfig={"PageSize": 60}):
        for pool in page["UserPools"]:
            if pool.get("Name") == name:
                return pool["Id"]
    schema: list[SchemaAttributeTypeTypeDef] = [
        {
            "Name": attribute,
            "AttributeDataType": "String",
            "Mutable": True,
            "StringAttributeConstraints": {"MinLength": "0", "MaxLength": "2048"},
        }
        for attribute in ATTRIBUTES
    ]
    made = aws.cognito.create_user_pool(
        PoolName=name, Schema=schema, AdminCreateUserConfig={"AllowAdminCreateUserOnly": True}
    )
    return made["UserPool"]["Id"]


def _ensure_groups(aws: Aws, pool_id: str) -> None:
    found = {group["GroupName"] for group in aws.cognito.list_groups(UserPoolId=pool_id)["Groups"]}
    for role in PEOPLE:
        if role.value not in found:
            aws.cognito.create_group(UserPoolId=pool_id, GroupName=role.value)


def _ensure_scopes(aws: Aws, pool_id: str) -> None:
    known = {**SCOPES, **SERVICE_SCOPES}
    scopes: list[ResourceServerScopeTypeTypeDef] = [
        {"ScopeName": name, "ScopeDescription": text} for name, text in known.items()
    ]
    try:
        found = aws.cognito.describe_resource_server(UserPoolId=pool_id, Identifier=RESOURCE_SERVER)
        if {scope["ScopeName"] for scope in found["ResourceServer"].get("Scopes", [])} != set(known):
            aws.cognito.update_resource_server(
                UserPoolId=pool_id, Identifier=RESOURCE_SERVER, Name=RESOURCE_SERVER, Scopes=scopes
            )
    except aws.cognito.exceptions.ResourceNotFoundException:
        aws.cognito.create_resource_server(
            UserPoolId=pool_id,
            Identifier=RESOURCE_SERVER,
            Name=RESOURCE_SERVER,
            Scopes=scopes,
        )


def _ensure_client(aws: Aws, pool_id: str, wanted: AppClient) -> tuple[str, str]:
    """Return id and secret (empty for the portal, which is a public client) of the app client."""
    for page in aws.cognito.get_paginator("list_user_pool_clients").paginate(
        UserPoolId=pool_id, PaginationConfig={"PageSize": 60}
    ):
        for client in page["UserPoolClients"]:
            if client.get("ClientName") == wanted.name:
                found = aws.cognito.describe_user_pool_client(UserPoolId=pool_id, ClientId=client["ClientId"])
                return client["ClientId"], found["UserPoolClient"].get("ClientSecret", "")
    if wanted.for_people:
        made = aws.cognito.create_user_pool_client(
            UserPoolId=pool_id,
            ClientName=wanted.name,
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            IdTokenValidity=TOKEN_MINUTES,
            AccessTokenValidity=TOKEN_MINUTES,
            RefreshTokenValidity=REFRESH_HOURS,
            TokenValidityUnits={"IdToken": "minutes", "AccessToken": "minutes", "RefreshToken": "hours"},
        )
    else:
        made = aws.cognito.create_user_pool_client(
            UserPoolId=pool_id,
            ClientName=wanted.name,
            GenerateSecret=True,
            AllowedOAuthFlows=["client_credentials"],
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthScopes=list(wanted.asked_as),
            AccessTokenValidity=TOKEN_MINUTES,
            TokenValidityUnits={"AccessToken": "minutes"},
        )
    return made["UserPoolClient"]["ClientId"], made["UserPoolClient"].get("ClientSecret", "")
