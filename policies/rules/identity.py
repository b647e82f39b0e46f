"""Cognito: who people are, how sure that is, and how long it lasts."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rules.judging import Book, production
from policies.rules.reading import View

BOOK = Book()
RULES = BOOK.rules
POOL = "aws:cognito/userPool:UserPool"
CLIENT = "aws:cognito/userPoolClient:UserPoolClient"
_MINUTES = {"seconds": 1 / 60, "minutes": 1, "hours": 60, "days": 1440}


@BOOK.rule(
    "sign-in-second-factor", "Nobody signs in with a password alone", POOL,
    remedy="Set mfa_configuration ON with software tokens (sign_in.mfa required).",
)  # fmt: skip
def _factor(pool: View) -> Iterator[str]:
    if pool["mfaConfiguration"] != "ON":
        yield f"a second factor is {str(pool['mfaConfiguration'] or 'off').lower()}"


@BOOK.rule(
    "sign-in-password", "Passwords are long and not guessed from each other", POOL,
    remedy="Set password_policy.minimum_length to at least 12 and password_history_size.",
)  # fmt: skip
def _password(pool: View) -> Iterator[str]:
    if (length := pool.number("passwordPolicy.minimumLength", 8)) < 12:
        yield f"{length:.0f} characters are enough"


@BOOK.rule(
    "sign-in-watched", "Sign-ins that look stolen are stopped", POOL, scope="stack",
    remedy="Set user_pool_add_ons.advanced_security_mode ENFORCED and a RiskConfiguration that blocks.",
)  # fmt: skip
def _watched(pool: View) -> Iterator[str]:
    if pool["userPoolAddOns.advancedSecurityMode"] != "ENFORCED":
        yield "nobody looks at how people sign in"
    risks = pool.about("aws:cognito/riskConfiguration:RiskConfiguration")
    leaked = "compromisedCredentialsRiskConfiguration.actions.eventAction"
    if not any(risk[leaked] == "BLOCK" for risk in risks):
        yield "passwords known to be stolen are taken"


@BOOK.rule(
    "sign-in-by-invitation", "Nobody makes an account for themselves", POOL,
    remedy="Set admin_create_user_config.allow_admin_create_user_only.",
)  # fmt: skip
def _invitation(pool: View) -> Iterator[str]:
    if not pool.on("adminCreateUserConfig.allowAdminCreateUserOnly"):
        yield "anybody may make an account"


@BOOK.rule(
    "sign-in-kept", "Accounts of production are not deleted by a wrong command", POOL, when=production,
    remedy="Set deletion_protection ACTIVE.",
)  # fmt: skip
def _kept(pool: View) -> Iterator[str]:
    if pool["deletionProtection"] != "ACTIVE":
        yield "one command deletes every account"


def _lasts(client: View, what: str, default_unit: str) -> float | None:
    """Return how many minutes a kind of token lasts; None if nothing says so."""
    value = client[f"{what}Validity"]
    unit = str(client[f"tokenValidityUnits.{what}"] or default_unit)
    return None if value is None else float(value) * _MINUTES[unit]


@BOOK.rule(
    "sign-in-ends", "Tokens last minutes, a sign-in no longer than a day", CLIENT,
    remedy="Set access_token_validity to at most 60 minutes and refresh_token_validity to at most 24 hours.",
)  # fmt: skip
def _ends(client: View) -> Iterator[str]:
    people = client.each("explicitAuthFlows") or "code" in client.words("allowedOauthFlows")
    for what, unit, default, most in (
        ("accessToken", "hours", 60.0, 60),
        ("idToken", "hours", 60.0, 60),
        ("refreshToken", "days", 30 * 1440.0, 1440),
    ):
        # Programs get no refresh token.
        if what == "refreshToken" and not people:
            continue
        lasts = _lasts(client, what, unit)
        minutes = default if lasts is None else lasts
        if minutes > most:
            yield f"its {what} lasts {minutes:.0f} minutes, more than {most}"


@BOOK.rule(
    "sign-in-flows-safe", "Clients use no flow that puts tokens or passwords where others see them", CLIENT,
    remedy="Use the code flow (with PKCE) or client credentials, and callbacks over https.",
)  # fmt: skip
def _flows(client: View) -> Iterator[str]:
    if "implicit" in client.words("allowedOauthFlows"):
        yield "puts tokens into addresses (implicit flow)"
    for url in client.words("callbackUrls"):
        if not url.startswith(("https://", "http://localhost", "http://127.0.0.1")):
            yield f"sends codes to {url} in the open"
    if not client.on("enableTokenRevocation"):
        yield "its tokens cannot be revoked"


@BOOK.rule(
    "sign-in-tells-nothing", "A failed sign-in does not tell whether somebody is a patient", CLIENT,
    when=lambda client: bool(client.each("explicitAuthFlows")),
    remedy="Set prevent_user_existence_errors ENABLED.",
)  # fmt: skip
def _tells(client: View) -> Iterator[str]:
    if client["preventUserExistenceErrors"] != "ENABLED":
        yield "tells who has an account"
