"""Who goes first in a rush: the classes of callers at every service's edge, and what each may have of it.

Emergencies and the people in front of a desk come before those at home, people before programs. Weights share what is
free; nobody is shut out by them. A channel that is yet to come (a voice line) is one more entry and one more rule.
"""

from services.contracts.clients import SERVICE_SCOPES
from services.contracts.roles import Role
from services.kernel.actor import Actor
from services.kernel.admission import CallerClass
from services.kernel.doorkeeper import Callers

EMERGENCY = CallerClass("emergency", weight=10_000, patience=5.0)
DESK = CallerClass("desk", weight=400, patience=5.0)
CLINICIANS = CallerClass("clinicians", weight=100, patience=5.0)
PATIENTS = CallerClass("patients", weight=30, patience=5.0)
# Staff who plan, review and administrate: their work is of the day, not of the minute.
OFFICE = CallerClass("office", weight=20, patience=5.0)
# A first request, which no guard has verified yet; a claim to be more than that costs nothing, so it gives nothing.
NEWCOMERS = CallerClass("newcomers", weight=30, most=0.7, patience=5.0)
SERVICES = CallerClass("services", weight=10, most=0.5, patience=2.0, comes_back=2)
# A program that is told at once loses nothing by coming back; one that waits is in everybody's way meanwhile.
APPS = CallerClass("apps", weight=3, most=0.5, patience=0.25, comes_back=5)
CLASSES = (EMERGENCY, DESK, CLINICIANS, PATIENTS, OFFICE, NEWCOMERS, SERVICES, APPS)

_OF_ROLE = {
    Role.FRONT_DESK: DESK,
    Role.SCHEDULER: DESK,
    Role.CLINICIAN: CLINICIANS,
    Role.PATIENT: PATIENTS,
    Role.PROXY: PATIENTS,
    Role.FACILITY_ADMINISTRATOR: OFFICE,
    Role.AUDITOR: OFFICE,
}


def class_of(actor: Actor) -> str:
    """Return the name of a verified caller's class: of several roles the one that goes first."""
    if actor.emergency is not None:
        return EMERGENCY.name
    if found := [kind for role, kind in _OF_ROLE.items() if role in actor.roles]:
        return max(found, key=lambda kind: kind.weight).name
    own = {scope.rpartition("/")[2] for scope in actor.scopes}
    return SERVICES.name if own & SERVICE_SCOPES.keys() else APPS.name


CALLERS = Callers(CLASSES, NEWCOMERS.name, class_of)
