"""Settings of what is reached, sends and wakes people: functions, messages, sign-in, API, alarms."""

from typing import Annotated, Literal, Self

from cryptography.x509 import BasicConstraints, ExtensionNotFound, load_pem_x509_certificate
from pydantic import AfterValidator, Field, model_validator

from environments.settings import Email, Settings


def _an_authority(pem: str) -> str:
    try:
        certificate = load_pem_x509_certificate(pem.encode())
        constraints = certificate.extensions.get_extension_for_class(BasicConstraints).value
    except (ValueError, ExtensionNotFound):
        raise ValueError("a certificate in PEM, with basic constraints") from None
    if not constraints.ca:
        raise ValueError("a certificate of an authority: basic constraints say CA")
    return pem


class Functions(Settings):
    """Lambda functions: memory, how many of each run at once, and which zip of each service they run.

    ``code`` is the SHA-256 (hexadecimal) that `careslot functions` tells of a service's zip; ``layers`` are ARNs of
    Lambda layers, such as the ADOT collector's, each of its own region.
    """

    memory_mb: int = Field(default=512, ge=128, le=10_240)
    concurrency: int = Field(default=5, ge=2, le=1000)
    code: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    layers: dict[str, tuple[Annotated[str, Field(pattern=r"^arn:aws:lambda:[a-z0-9-]+:\d{12}:layer:")], ...]] = Field(
        default_factory=dict
    )


class Messages(Settings):
    """What patients read of who writes to them, and the address SES sends from (in a domain that SES has verified).

    ``privacy_officer_email`` is told of emergency accesses.
    """

    organization: str = Field(min_length=1, max_length=40)
    callback_phone: str = Field(pattern=r"^\+?[\d ()-]{7,16}$")
    sender_email: Email
    privacy_officer_email: Email


class SignIn(Settings):
    """Passwords and the second factor; Cognito knows one rule for everybody in a pool."""

    mfa: Literal["required", "optional"] = "required"
    password_length: int = Field(default=14, ge=12, le=99)


class Rate(Settings):
    """Requests a second in the long run, and how many may come at once."""

    rate: float = Field(gt=0, le=10_000)
    burst: int = Field(gt=0, le=5_000)


class Partner(Settings):
    """An app of a partner: its plan's limits; ``daily`` requests a day at most."""

    rate: float = Field(gt=0, le=10_000)
    burst: int = Field(gt=0, le=5_000)
    daily: int = Field(gt=0)


class Api(Settings):
    """The edge: what all callers together may ask, what one address may ask in five minutes, and who the partners are.

    ``partner_authorities`` are PEM certificates of the authorities whose client certificates partners present; without
    one there is no entrance for partners.
    """

    everyone: Rate
    one_address: int = Field(default=2000, ge=10, le=2_000_000_000)
    sign_ins_of_one_address: int = Field(default=100, ge=10, le=2_000_000_000)
    partners: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]+$")], Partner] = Field(default_factory=dict)
    partner_authorities: tuple[Annotated[str, AfterValidator(_an_authority)], ...] = ()

    @model_validator(mode="after")
    def _partners_can_be_known(self) -> Self:
        if self.partners and not self.partner_authorities:
            raise ValueError("partners present certificates: partner_authorities names who signed them")
        return self


class Alarms(Settings):
    """Who hears of alarms, when a queue is late, and what share of requests is traced."""

    notify: tuple[Email, ...] = Field(min_length=1)
    queue_age_seconds: int = Field(default=300, ge=60, le=86_400)
    traced: float = Field(default=0.05, ge=0, le=1)


class Findings(Settings):
    """Who hears of what GuardDuty, Security Hub, Config, Access Analyzer and Macie find.

    ``urgent`` hears of severities CRITICAL and HIGH and acts at once, ``routine`` of MEDIUM and LOW.
    """

    urgent: tuple[Email, ...] = Field(min_length=1)
    routine: tuple[Email, ...] = Field(min_length=1)
