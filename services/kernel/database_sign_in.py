"""Signing in to Aurora by IAM: a token of fifteen minutes in the place of a password that could leak.

A database whose address holds a password (the laptop's, a test's) is signed in to with that.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import boto3

POSTGRES = 5432
# cluster, account's part and region: every address of Aurora's is like that (Aurora user guide, "Endpoints").
_AURORA = re.compile(r"\.([a-z]{2}-[a-z]+-\d)\.rds\.amazonaws\.com$")


def iam_password(dsn: str) -> Callable[[], Awaitable[str]] | None:
    """Return what asks IAM for a token, anew for each connection; None where the address is to be taken as it is."""
    address = urlsplit(dsn)
    host, user = address.hostname or "", address.username or ""
    region = _AURORA.search(host)
    if region is None or address.password:
        return None
    client = boto3.client("rds", region_name=region[1])
    port = address.port or POSTGRES

    async def token() -> str:
        # Signed here, without a call; only the role's own credentials may have to be fetched.
        return await asyncio.to_thread(client.generate_db_auth_token, DBHostname=host, Port=port, DBUsername=user)

    return token
