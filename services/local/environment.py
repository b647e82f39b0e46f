"""What each program is told: one file of variables a service, readable by its owner only, made anew at each `up`.

A service gets what it needs and nothing else: only availability, waitlist and directory learn where a private
key lies, each its own.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.contracts.catalogue import catalogue
from services.local.aws import bus_name, client_environment
from services.local.identity import Identity
from services.local.offer_keys import GlassKeyFiles, OfferKeyFiles
from services.local.state import Layout, write_private

ACCESS_POLICIES = Path(__file__).resolve().parents[2] / "policies" / "access"
SENDER = "appointments@careslot.example"
SENDERS = {
    "CARESLOT_SENDER_EMAIL": SENDER,
    "CARESLOT_ORGANIZATION": "Careslot Health",
    "CARESLOT_CALLBACK_PHONE": "+1 617 555 0199",
    "CARESLOT_PRIVACY_OFFICER_EMAIL": "privacy@careslot.example",
}
KEPT_FROM_USER = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZDIR", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the platform once its database, emulator and user pool are there."""

    databases: Mapping[str, str]
    ports: Mapping[str, int]
    gateway_port: int
    emulator_url: str
    identity: Identity
    offer_keys: OfferKeyFiles
    glass_keys: GlassKeyFiles
    session_key: str = ""
    prefix: str = ""


def service_environment(service: str, facts: Facts) -> dict[str, str]:
    """Return the variables of one service's process."""
    entry = catalogue()[service]
    stores = (
        {
            "CARESLOT_DATABASE_URL": facts.databases[service],
            "CARESLOT_DATABASE_POOL": str(entry.database.connections),
            "CARESLOT_BUS_NAME": bus_name(facts.prefix),
            "CARESLOT_QUEUE_PREFIX": facts.prefix,
        }
        if entry.database
        else {}
    )
    shared = {
        **stores,
        "CARESLOT_TOKEN_ISSUER": facts.identity.issuer,
        "CARESLOT_TOKEN_AUDIENCES": " ".join(facts.identity.audiences),
        "CARESLOT_TOKEN_JWKS_URL": facts.identity.jwks_url,
        "CARESLOT_ACCESS_POLICIES": str(ACCESS_POLICIES),
        "CARESLOT_HOST": "127.0.0.1",
        "CARESLOT_PORT": str(facts.ports[service]),
        "CARESLOT_LOG_LEVEL": "INFO",
        **{
            f"CARESLOT_{callee.upper()}_URL": f"http://127.0.0.1:{facts.ports[callee]}"
            for callee in entry.calls
            if callee in facts.ports
        },
    }
    if entry.data_class == "public":
        # As in AWS, where it has no rights and takes no tokens.
        return {name: value for name, value in {**shared, **_own(service, facts)}.items() if "_TOKEN_" not in name}
    return {**shared, **_own(service, facts), **client_environment(facts.emulator_url)}


def function_environment(service: str, facts: Facts) -> dict[str, str]:
    """Return the variables of one service's functions; what the runtime itself sets is left to it."""
    return {
        "CARESLOT_DATABASE_URL": facts.databases[service],
        "CARESLOT_BUS_NAME": bus_name(facts.prefix),
        "CARESLOT_LOG_LEVEL": "INFO",
        **({**SENDERS, "CARESLOT_PORTAL_URL": _portal(facts)} if service == "notifications" else {}),
        **client_environment(facts.emulator_url),
    }


def gateway_environment(facts: Facts) -> dict[str, str]:
    """Return the variables of the gateway."""
    return {
        "CARESLOT_GATEWAY_PORT": str(facts.gateway_port),
        "CARESLOT_GATEWAY_SERVICES": json.dumps({n: f"http://127.0.0.1:{p}" for n, p in facts.ports.items()}),
        "CARESLOT_GATEWAY_COGNITO": facts.emulator_url,
        "CARESLOT_GATEWAY_CLIENT_ID": facts.identity.portal_client_id,
    }


def rebuild_environment(facts: Facts) -> dict[str, str]:
    """Return what the operators' verb `careslot rebuild` needs to ask owners for their records."""
    return {
        "CARESLOT_TOKEN_URL": facts.identity.token_url,
        "CARESLOT_CLIENT_ID": facts.identity.rebuild_client_id,
        "CARESLOT_CLIENT_SECRET": facts.identity.rebuild_client_secret,
    }


def write_environments(layout: Layout, environments: Mapping[str, Mapping[str, str]]) -> None:
    """Write each as `NAME=value` lines a shell can read (`set -a; . FILE`), 0600."""
    for service, variables in environments.items():
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in sorted(variables.items())]
        write_private(layout.environment(service), "".join(lines))


def read_environment(file: Path) -> dict[str, str]:
    """Read a file that `write_environments` wrote."""
    pairs = (shlex.split(line)[0].partition("=") for line in file.read_text("utf-8").splitlines() if line.strip())
    return {name: value for name, _, value in pairs}


def process_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a child: what the system needs, and ``variables``; nothing else is inherited."""
    kept = {name: os.environ[name] for name in KEPT_FROM_USER if name in os.environ}
    return {"PATH": os.defpath, **kept, "PYTHONUNBUFFERED": "1", **variables}


def _portal(facts: Facts) -> str:
    return f"{_gateway(facts)}/portal"


def _gateway(facts: Facts) -> str:
    return f"http://127.0.0.1:{facts.gateway_port}"


def _own(service: str, facts: Facts) -> dict[str, str]:
    if service == "directory":
        return {
            "CARESLOT_USER_POOL_ID": facts.identity.pool_id,
            "CARESLOT_BREAK_GLASS_SIGNING_KEY": str(facts.glass_keys.private),
            "CARESLOT_BREAK_GLASS_KEY_ID": facts.glass_keys.key_id,
            "CARESLOT_BREAK_GLASS_KEYS": str(facts.glass_keys.public),
        }
    if service == "availability":
        return {
            "CARESLOT_OFFER_SIGNING_KEY": str(facts.offer_keys.private),
            "CARESLOT_OFFER_KEY_ID": facts.offer_keys.key_id,
        }
    if service == "waitlist":
        return {
            "CARESLOT_OFFER_SIGNING_KEY": str(facts.offer_keys.waitlist_private),
            "CARESLOT_OFFER_KEY_ID": facts.offer_keys.waitlist_key_id,
            "CARESLOT_TOKEN_URL": facts.identity.token_url,
            "CARESLOT_CLIENT_ID": facts.identity.waitlist_client_id,
            "CARESLOT_CLIENT_SECRET": facts.identity.waitlist_client_secret,
        }
    if service == "booking":
        return {
            "CARESLOT_OFFER_KEYS": str(facts.offer_keys.public),
            "CARESLOT_BREAK_GLASS_KEYS": str(facts.glass_keys.public),
            "CARESLOT_TOKEN_URL": facts.identity.token_url,
            "CARESLOT_CLIENT_ID": facts.identity.booking_client_id,
            "CARESLOT_CLIENT_SECRET": facts.identity.booking_client_secret,
        }
    if service == "portal":
        return {
            "CARESLOT_PORTAL_CLIENT_ID": facts.identity.portal_client_id,
            "CARESLOT_SESSION_KEYS": facts.session_key,
            "CARESLOT_SECURE_COOKIES": "false",  # loopback has no TLS
        }
    if service == "finder":
        return {"CARESLOT_PORTAL_ADDRESS": _portal(facts), "CARESLOT_PUBLIC_ADDRESS": f"{_gateway(facts)}/finder"}
    return {}
