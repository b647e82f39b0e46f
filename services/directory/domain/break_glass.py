"""Opening a record in an emergency (45 CFR 164.312(a)(2)(ii)): who, after what, for how long.

The token that carries it is short and renewed while the record of it lasts. Ending it early takes effect elsewhere as
soon as the event is there, and within TOKEN_LASTS even if it never comes. docs/decisions/0071-break-glass.md
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.kernel.actor import Actor
from services.kernel.errors import Unauthenticated
from services.kernel.ids import new_id

TOKEN_LASTS = timedelta(minutes=15)


class Reason(StrEnum):
    """Why somebody opens a record; codes, because reasons are counted and reviewed."""

    EMERGENCY_TREATMENT = "emergency-treatment"
    UNABLE_TO_IDENTIFY_SELF = "unable-to-identify-self"
    PATIENT_SAFETY = "patient-safety"


@dataclass(frozen=True, slots=True)
class GlassRules:
    """How long an emergency access lasts, and how fresh a sign-in must be to open one."""

    lasts: timedelta = timedelta(minutes=60)
    sign_in_within: timedelta = timedelta(minutes=5)


class ReauthenticationRequired(Unauthenticated):
    """The sign-in is too old for what is asked (RFC 9470: insufficient_user_authentication)."""

    title = "Sign in again first"
    slug = "insufficient-user-authentication"


def require_fresh(actor: Actor, now: datetime, rules: GlassRules) -> None:
    """Raise ReauthenticationRequired unless ``actor`` proved who they are within ``rules.sign_in_within``."""
    if now.timestamp() - actor.authenticated_at > rules.sign_in_within.total_seconds():
        minutes = int(rules.sign_in_within.total_seconds() // 60)
        raise ReauthenticationRequired(
            f"Sign in again with your password, then repeat this within {minutes} minutes.",
            extra={"max_age": int(rules.sign_in_within.total_seconds())},
        )


def new_grant_id() -> str:
    """Return an id that says nothing about anyone."""
    return f"btg-{new_id().hex}"
