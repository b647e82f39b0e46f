"""What functions are told by their environment: what services/notifications/lambdas/worker.py reads, and no secret.

The database's address holds no password: functions sign in by IAM (services/kernel/database.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from environments.model import Environment
from services.contracts.catalogue import Service

POSTGRES = 5432


def database_url(user: str, host: pulumi.Input[str], name: str) -> pulumi.Output[str]:
    """Return the address of a service's own database, over TLS."""
    return pulumi.Output.concat("postgresql://", user, "@", host, f":{POSTGRES}/", name, "?sslmode=require")


def function_environment(
    environment: Environment, service: Service, hosts: Mapping[str, pulumi.Input[str]]
) -> Mapping[str, pulumi.Input[str]]:
    """Return the variables of a service's functions; ``hosts`` are the databases' endpoints by cluster."""
    messages = environment.messages
    told: dict[str, pulumi.Input[str]] = {
        "CARESLOT_ORGANIZATION": messages.organization,
        "CARESLOT_CALLBACK_PHONE": messages.callback_phone,
        "CARESLOT_SENDER_EMAIL": messages.sender_email,
        "CARESLOT_PRIVACY_OFFICER_EMAIL": messages.privacy_officer_email,
        "CARESLOT_PORTAL_URL": f"https://api.{environment.domain}/portal/",
    }
    if service.database is not None:
        name = service.database.name
        told["CARESLOT_DATABASE_URL"] = database_url(name, hosts[service.database.cluster], name)
    return told
