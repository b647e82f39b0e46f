"""How long someone may act for a patient.

An adult's grant is looked at again every year at the latest; a minor's personal representative (45 CFR 164.502(g)(3))
acts until the patient comes of age, who then decides alone.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.directory.domain.records import Patient
from services.kernel.errors import FieldError, Invalid
from services.kernel.ids import content_key

COMES_OF_AGE = 18
LONGEST_FOR_ADULT = timedelta(days=366)


def proxy_id(patient_id: str, person: str) -> str:
    """Return the one id of ``person`` acting for ``patient_id``: a repeated grant is a change, not a second proxy."""
    return f"prx-{content_key(patient_id, person):016x}"


def adulthood(patient: Patient) -> datetime:
    """Return the instant, in UTC, at which ``patient`` comes of age where they live."""
    born = patient.birth_date
    try:
        day = born.replace(year=born.year + COMES_OF_AGE)
    except ValueError:  # 29 February: of age on 1 March in a common year
        day = date(born.year + COMES_OF_AGE, 3, 1)
    return datetime.combine(day, time(), ZoneInfo(patient.timezone)).astimezone(UTC)


def latest_expiry(patient: Patient, now: datetime) -> datetime:
    """Return the last instant, in UTC, a grant made at ``now`` may end."""
    of_age = adulthood(patient)
    return of_age if of_age > now else now + LONGEST_FOR_ADULT


def check_expiry(patient: Patient, expires_at: datetime, now: datetime) -> None:
    """Raise Invalid unless ``expires_at`` lies after ``now`` and not after ``latest_expiry``."""
    if expires_at <= now:
        raise Invalid("The grant must end in the future.", errors=[FieldError("expires_at", "is in the past")])
    if expires_at > latest_expiry(patient, now):
        raise Invalid(
            "A grant lasts at most one year, or until a minor comes of age.",
            errors=[FieldError("expires_at", "is too far ahead")],
        )
