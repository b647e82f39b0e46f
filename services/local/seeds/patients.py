"""Patients who do not exist, and who among them acts for whom. Phones and addresses cannot reach anyone.

Numbers 555-0100 to 555-0199 are given to nobody (NANPA); example.org takes no mail (RFC 2606).
"""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random

from services.directory.domain.proxies import grant, latest_expiry
from services.directory.domain.records import Facility, Patient, Proxy
from services.local.seeds.clinicians import SPANISH_SPEAKING, person_name
from services.local.seeds.facilities import area_code
from services.local.seeds.names import HISPANIC

ADULTHOOD_BEFORE = date(2007, 1, 1)
PROXY_DAYS = 300
# The people behind the demo accounts, all at the first facility; 000003 acts for her child 000004, her father 000005.
DEMO: tuple[tuple[str, str, date, str], ...] = (
    ("María", "Flores", date(1984, 5, 17), "es"),
    ("Daniel", "Whitaker", date(1991, 11, 2), "en"),
    ("Grace", "Coleman", date(1986, 8, 23), "en"),
    ("Naomi", "Coleman", date(2016, 3, 9), "en"),
    ("Walter", "Coleman", date(1947, 1, 30), "en"),
)
DEMO_PROXIES = (("pat-000004", "pat-000003"), ("pat-000005", "pat-000003"))


def patients(seed: int, count: int, facilities: Sequence[Facility]) -> tuple[Patient, ...]:
    """Return ``count`` patients; the first are those of DEMO."""
    return tuple(_patient(Random(f"{seed}:patient:{n}"), n, facilities) for n in range(count))


def proxies(people: Sequence[Patient], as_of: date) -> tuple[Proxy, ...]:
    """Return who acts for whom, as granted on ``as_of``: a parent for every child whose facility has an adult."""
    granted_at = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
    present = {patient.patient_id: patient for patient in people}
    pairs = {pair: None for pair in DEMO_PROXIES if set(pair) <= present.keys()}
    adults: dict[str, str] = {}
    for patient in people[len(DEMO) :]:
        home = patient.facility_ids[0]
        if patient.birth_date < ADULTHOOD_BEFORE:
            adults[home] = patient.patient_id
        elif home in adults:
            pairs[patient.patient_id, adults[home]] = None
    return tuple(_proxy(present[patient], person, granted_at) for patient, person in pairs)


def _proxy(patient: Patient, person: str, granted_at: datetime) -> Proxy:
    until = min(latest_expiry(patient, granted_at), granted_at + timedelta(days=PROXY_DAYS))
    return grant(patient, person, until, granted_at)


def _patient(random: Random, n: int, facilities: Sequence[Facility]) -> Patient:
    home = facilities[0] if n < len(DEMO) else random.choice(facilities)
    heritage, given, family = person_name(random, home.state)
    born = _birth_date(random)
    spanish = heritage is HISPANIC and random.random() < 0.6
    language = "es" if spanish or (home.state in SPANISH_SPEAKING and random.random() < 0.45) else "en"
    if n < len(DEMO):
        given, family, born, language = DEMO[n]
    return Patient(
        patient_id=f"pat-{n + 1:06}",
        given_name=given,
        family_name=family,
        birth_date=born,
        email=f"{_mailbox(given)}.{_mailbox(family)}.{n + 1}@example.org",
        phone=f"+1{area_code(home)}55501{n % 100:02}",
        language=language,
        timezone=home.timezone,
        facility_ids=(home.facility_id,),
    )


def _birth_date(random: Random) -> date:
    """Return a birth date: a fifth are children, and more are old than in the population, as among patients."""
    first, last = random.choices(((2009, 2025), (1986, 2006), (1961, 1985), (1932, 1960)), (20, 24, 28, 28))[0]
    return date(random.randint(first, last), 1, 1) + timedelta(days=random.randrange(365))


def _mailbox(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in plain if letter.isascii() and letter.isalnum())
