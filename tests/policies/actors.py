"""One caller a role, assigned to `fac-1` or being `pat-1`, `prx-1` or `cln-1`: who asks in both access tables."""

from __future__ import annotations

from dataclasses import replace

from services.contracts.roles import Role
from services.contracts.security_labels import CLEARANCES
from services.kernel.actor import Actor

INSIDE = frozenset({"fac-1"})
ACTORS = {
    Role.PATIENT: Actor("a", frozenset({"patient"}), person="pat-1"),
    Role.PROXY: Actor("a", frozenset({"proxy"}), person="prx-1"),
    Role.FRONT_DESK: Actor("a", frozenset({"front-desk"}), facilities=INSIDE),
    Role.SCHEDULER: Actor("a", frozenset({"scheduler"}), facilities=INSIDE),
    Role.CLINICIAN: Actor("a", frozenset({"clinician"}), person="cln-1", facilities=INSIDE),
    Role.FACILITY_ADMINISTRATOR: Actor("a", frozenset({"facility-administrator"}), facilities=INSIDE),
    Role.AUDITOR: Actor("a", frozenset({"auditor"}), facilities=INSIDE),
    Role.EXTERNAL_APP: Actor("a", frozenset({"external-app"})),
}
SCOPES = frozenset(
    {"careslot/slots.read", "careslot/directory.read", "careslot/changes.read", "careslot/waitlist.offer"}
)


def everywhere(actor: Actor) -> Actor:
    """The same role assigned for all facilities, or with every scope."""
    return replace(actor, facilities=frozenset({"*"}), scopes=SCOPES)


def cleared(actor: Actor) -> Actor:
    """The same role assignment, covering every label."""
    return replace(actor, clearances=frozenset(CLEARANCES))
