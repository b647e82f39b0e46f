"""How long someone may act for a patient, and how far.

An adult's grant is looked at again every year at the latest; a minor's personal representative (45 CFR 164.502(g)(3))
acts until the patient comes of age, who then decides alone. From adolescence on, when minors may consent to some care
themselves, the parent or guardian acts on, but learns nothing of what is confidential. docs/decisions/0072-proxies.md
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.directory.domain.records import Patient, Proxy
from services.kernel.errors import FieldError, Invalid
from services.kernel.ids import content_key

LONGEST_FOR_ADULT = timedelta(days=366)
PARENTAL, GRANTED = "parental", "granted"


@dataclass(frozen=True, slots=True)
class ProxyAges:
    """Ages in years: a parent's proxy ends at ``ends``; from ``adolescence`` on it leaves out what is confidential.

    States differ in both (a minor is of age at 19 in Alabama and Nebraska), so whoever runs the platform sets them.
    """

    adolescence: int = 12
    ends: int = 18


AGES = ProxyAges()


def proxy_id(patient_id: str, person: str) -> str:
    """Return the one id of ``person`` acting for ``patient_id``: a repeated grant is a change, not a second proxy."""
    return f"prx-{content_key(patient_id, person):016x}"


def birthday(patient: Patient, age: int) -> datetime:
    """Return the instant, in UTC, at which ``patient`` becomes ``age`` years old where they live."""
    born = patient.birth_date
    try:
        day = born.replace(year=born.year + age)
    except ValueError:  # 29 February: a year older on 1 March in a common year
        day = date(born.year + age, 3, 1)
    return datetime.combine(day, time(), ZoneInfo(patient.timezone)).astimezone(UTC)


def is_minor(patient: Patient, now: datetime, ages: ProxyAges = AGES) -> bool:
    """Tell whether someone else still decides for ``patient``."""
    return birthday(patient, ages.ends) > now


def latest_expiry(patient: Patient, now: datetime, ages: ProxyAges = AGES) -> datetime:
    """Return the last instant, in UTC, a grant made at ``now`` may end."""
    return birthday(patient, ages.ends) if is_minor(patient, now, ages) else now + LONGEST_FOR_ADULT


def check_expiry(patient: Patient, expires_at: datetime, now: datetime, ages: ProxyAges = AGES) -> None:
    """Raise Invalid unless ``expires_at`` lies after ``now`` and not after ``latest_expiry``."""
    if expires_at <= now:
        raise Invalid("The grant must end in the future.", errors=[FieldError("expires_at", "is in the past")])
    if expires_at > latest_expiry(patient, now, ages):
        raise Invalid(
            "A grant lasts at most one year, or until a minor comes of age.",
            errors=[FieldError("expires_at", "is too far ahead")],
        )


def grant(patient: Patient, person: str, expires_at: datetime, now: datetime, ages: ProxyAges = AGES) -> Proxy:
    """Return the proxy that lets ``person`` act for ``patient`` until ``expires_at``; raise Invalid as above."""
    check_expiry(patient, expires_at, now, ages)
    kind = PARENTAL if is_minor(patient, now, ages) else GRANTED
    proxy = Proxy(
        proxy_id(patient.patient_id, person), patient.patient_id, person, expires_at.astimezone(UTC), kind=kind
    )
    return realigned(proxy, patient, ages)


def realigned(proxy: Proxy, patient: Patient, ages: ProxyAges = AGES) -> Proxy:
    """Return ``proxy`` with the ends that ``patient``'s birth date, as it is recorded now, gives it."""
    if proxy.kind != PARENTAL:
        return proxy
    return replace(
        proxy,
        expires_at=min(proxy.expires_at, birthday(patient, ages.ends)),
        confidential_until=birthday(patient, ages.adolescence),
    )
