"""Clinicians: enough family medicine everywhere, the rarer specialties here and there, some at two facilities."""

from collections.abc import Sequence
from random import Random

from services.directory.domain.places import distance_km
from services.directory.domain.records import Clinician, Facility
from services.local.seeds.names import HERITAGES, HISPANIC, Heritage
from services.local.seeds.specialties import OFFERED

SPANISH_SPEAKING = frozenset({"AZ", "CA", "CO", "FL", "IL", "NJ", "NM", "NV", "NY", "PR", "TX"})
AT_TWO_PERCENT = 12
REACH_KM = 120.0
SHARES = [heritage.share for heritage in HERITAGES]
# A hospital has twice the clinicians of an outpatient centre.
WEIGHTS = {"hospital": 2, "outpatient-centre": 1}


def clinicians(seed: int, count: int, facilities: Sequence[Facility]) -> tuple[Clinician, ...]:
    """Return ``count`` clinicians, ``cln-00001`` in family medicine at the first facility and speaking Spanish."""
    places = [place for place in facilities for _ in range(WEIGHTS[place.kind])]
    partners = _partners(facilities)
    met: set[str] = set()
    found = []
    for n in range(count):
        # The first round gives every facility a family doctor before any gets a second clinician.
        home = facilities[n] if n < len(facilities) else places[(n - len(facilities)) % len(places)]
        specialty = "family-medicine" if home.facility_id not in met else ""
        met.add(home.facility_id)
        found.append(
            _clinician(Random(f"{seed}:clinician:{n}"), n, home, partners.get(home.facility_id, ""), specialty)
        )
    return tuple(found)


def person_name(random: Random, state: str) -> tuple[Heritage, str, str]:
    """Return a heritage, a given and a family name, as likely as they are in ``state``."""
    hispanic = state in SPANISH_SPEAKING and random.random() < (0.95 if state == "PR" else 0.3)
    heritage = HISPANIC if hispanic else random.choices(HERITAGES, SHARES)[0]
    return heritage, random.choice(heritage.given), random.choice(heritage.family)


def _clinician(random: Random, n: int, home: Facility, partner: str, specialty: str) -> Clinician:
    heritage, given, family = person_name(random, home.state)
    drawn = random.choices(OFFERED, [offered.share for offered in OFFERED])[0].code
    languages = ["en"]
    if heritage.languages and random.random() < 0.6:
        languages.append(random.choice(heritage.languages))
    if "es" not in languages and (n == 0 or random.random() < 0.12):
        languages.append("es")
    two = partner and n > 0 and random.randrange(100) < AT_TWO_PERCENT
    return Clinician(
        clinician_id=f"cln-{n + 1:05}",
        name=f"Dr. {given} {family}",
        specialty=specialty or drawn,
        languages=tuple(languages),
        facility_ids=(home.facility_id, partner) if two else (home.facility_id,),
    )


def _partners(facilities: Sequence[Facility]) -> dict[str, str]:
    """Return for each facility the nearest one in reach and in its zone, where someone may work on other days."""
    partners: dict[str, str] = {}
    for facility in facilities:
        around = [
            (distance_km(facility.latitude, facility.longitude, other.latitude, other.longitude), other.facility_id)
            for other in facilities
            if other.timezone == facility.timezone and other is not facility
        ]
        away, partner = min(around, default=(REACH_KM, ""))
        if away < REACH_KM:
            partners[facility.facility_id] = partner
    return partners
