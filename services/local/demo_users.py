"""The accounts one can sign in with on the laptop: one a role, and a second front desk to be refused elsewhere.

The password is made once a folder. It guards made-up data on loopback; it is still not in the repository.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from services.contracts.roles import Role
from services.local.identity import Identity, ensure_user
from services.local.state import DemoUser, Layout, write_private

if TYPE_CHECKING:
    from services.local.aws import Aws

WORDS = ("Maple", "River", "Cedar", "Harbor", "Meadow", "Summit", "Willow", "Prairie")

# username, role, person, facilities, what the account shows
_ACCOUNTS: tuple[tuple[str, Role, str, tuple[str, ...], str], ...] = (
    ("patient", Role.PATIENT, "pat-000001", (), "books for herself"),
    ("patient2", Role.PATIENT, "pat-000002", (), "another patient, for lost races"),
    ("proxy", Role.PROXY, "pat-000003", (), "acts for whoever granted it"),
    ("frontdesk", Role.FRONT_DESK, "", ("fac-0001",), "checks in at fac-0001"),
    ("frontdesk2", Role.FRONT_DESK, "", ("fac-0002",), "refused at fac-0001"),
    ("scheduler", Role.SCHEDULER, "", ("*",), "call centre, everywhere"),
    ("clinician", Role.CLINICIAN, "cln-00001", ("fac-0001",), "own visits and leave"),
    ("administrator", Role.FACILITY_ADMINISTRATOR, "", ("*",), "facilities, closures, roles"),
    ("auditor", Role.AUDITOR, "", ("*",), "reads everything, changes nothing"),
)


def ensure_demo_users(aws: Aws, identity: Identity, layout: Layout) -> tuple[DemoUser, ...]:
    """Make or correct every demo account in the user pool."""
    password = _password(layout)
    users: list[DemoUser] = []
    for username, role, person, facilities, note in _ACCOUNTS:
        ensure_user(aws, identity, username, password, role, person, facilities)
        users.append(
            DemoUser(
                username=username, password=password, role=role.value, facilities=facilities, person=person, note=note
            )
        )
    return tuple(users)


def _password(layout: Layout) -> str:
    file = layout.keys / "demo-password"
    if not file.exists():
        # Upper case, lower case, digits and a symbol: Cognito's default password policy.
        write_private(file, f"{secrets.choice(WORDS)}-{secrets.choice(WORDS)}-{secrets.randbelow(9000) + 1000}\n")
    return file.read_text("utf-8").strip()
