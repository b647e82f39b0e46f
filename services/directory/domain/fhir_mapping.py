"""From FHIR resources to the directory's records: what is taken, what is mended on the way and what is refused.

Records come out under the id they are given; where a value cannot be had without guessing, Invalid says so.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from services.directory.domain import fhir
from services.directory.domain.nucc import SPECIALTY_OF, SYSTEM
from services.directory.domain.places import STATE_ZONES, Place
from services.directory.domain.records import PATIENT_LANGUAGES, Clinician, Facility, Patient
from services.directory.domain.values import EMAIL, LANGUAGE
from services.kernel.errors import Invalid

PlaceOf = Callable[[str], Place | None]
T = TypeVar("T")

MENDINGS = {
    "coordinates-of-zip": "locations had no coordinates and got the ZIP code's centroid",
    "phone-left-out": "phone numbers were not usable and are left out",
    "email-left-out": "e-mail addresses were not usable and are left out",
    "languages-unknown": "practitioners name no language and are taken to speak English",
    "language-unsupported": "patients speak a language we do not write; they are written to in English",
    "registered-nearest": "patients name no facility and are registered at the one nearest to their address",
}


@dataclass(frozen=True, slots=True)
class Home:
    """Where a patient lives, as far as it matters here: a point (degrees; None: unknown) and the zone of its clocks.

    The point is the ZIP code's; the address's own, where it has one, only where the ZIP code is none.
    """

    point: tuple[float, float] | None
    timezone: str


def facility_of(location: fhir.Location, facility_id: str, place_of: PlaceOf, mended: list[str]) -> Facility:
    """Return the facility a Location is."""
    address = location.address
    place = _place(address, place_of)
    if place is None:
        raise Invalid("address.postalCode: there is no such ZIP code")
    state = address.state.strip().upper()
    if state not in place.states:
        raise Invalid("address: the ZIP code is not in that state")
    latitude, longitude = place.latitude, place.longitude
    if location.position is not None:
        latitude, longitude = location.position.latitude, location.position.longitude
    else:
        mended.append("coordinates-of-zip")
    if latitude is None or longitude is None:
        raise Invalid("position: there is none, and none is known for the ZIP code")
    return _made(
        lambda: Facility(
            facility_id=facility_id, name=_line(location.name), kind=_kind(location), address=_line(*address.line),
            city=_line(address.city), state=state, zip_code=place.zip_code, latitude=latitude, longitude=longitude,
            timezone=place.timezone or STATE_ZONES.get(state, ""),
            phone=_phone(location.telecom, mended), active=location.status == "active",
        )
    )  # fmt: skip


def clinician_of(
    practitioner: fhir.Practitioner,
    roles: Sequence[fhir.PractitionerRole],
    clinician_id: str,
    facility_ids: Sequence[str],
    mended: list[str],
) -> Clinician:
    """Return the clinician a Practitioner with its active roles is; the first specialty named counts."""
    languages = tuple(dict.fromkeys(_language(concept) for concept in practitioner.communication))
    languages = tuple(tag for tag in languages if re.fullmatch(LANGUAGE, tag))
    if not languages:
        mended.append("languages-unknown")
    codes = [
        coding.code
        for role in roles
        for concept in role.specialty
        for coding in concept.coding
        if coding.system in {"", SYSTEM}
    ]
    specialty = next((SPECIALTY_OF[code] for code in codes if code in SPECIALTY_OF), "")
    if not specialty:
        known = ", ".join(sorted(set(codes))) if codes else "none of the provider taxonomy"
        raise Invalid(f"specialty: no specialty of ours belongs to the roles' codes ({known})")
    name = _name(practitioner.name)
    return _made(
        lambda: Clinician(
            clinician_id=clinician_id, name=name.text or _line(*name.prefix, *name.given, name.family),
            specialty=specialty, languages=languages or ("en",), facility_ids=tuple(sorted(set(facility_ids))),
            active=practitioner.active,
        )
    )  # fmt: skip


def home_of(patient: fhir.Patient, place_of: PlaceOf) -> Home:
    """Return where the patient lives; raise Invalid when that tells no time zone."""
    address = next((a for a in patient.address if a.use == "home"), next(iter(patient.address), fhir.Address()))
    place = _place(address, place_of)
    zone = (place.timezone if place else "") or STATE_ZONES.get(address.state.strip().upper(), "")
    if not zone:
        raise Invalid("address: neither ZIP code nor state tells the time zone")
    if place is None or place.latitude is None or place.longitude is None:
        return Home(address.point, zone)
    return Home((place.latitude, place.longitude), zone)


def patient_of(
    patient: fhir.Patient, patient_id: str, home: Home, facility_ids: Sequence[str], mended: list[str]
) -> Patient:
    """Return the minimal record of a Patient. Who is dead is taken, inactive: nobody may write to them."""
    name = _name(patient.name)
    return _made(
        lambda: Patient(
            patient_id=patient_id, given_name=_line(*name.given), family_name=_line(name.family),
            birth_date=_day(patient.birthDate), email=_email(patient.telecom, mended),
            phone=_phone(patient.telecom, mended), language=_patient_language(patient, mended),
            timezone=home.timezone, facility_ids=tuple(sorted(set(facility_ids))),
            active=patient.active and not patient.deceasedBoolean and not patient.deceasedDateTime,
        )
    )  # fmt: skip


def _made(make: Callable[[], T]) -> T:
    try:
        return make()
    except Invalid as fault:
        if not fault.errors:
            raise
        raise Invalid("; ".join(f"{error.where} {error.what}" for error in fault.errors)) from None


def _line(*parts: str) -> str:
    return " ".join(" ".join(parts).split())


def _place(address: fhir.Address, place_of: PlaceOf) -> Place | None:
    match = re.fullmatch("([0-9]{5})(-?[0-9]{4})?", address.postalCode.strip())
    return place_of(match[1]) if match else None


def _kind(location: fhir.Location) -> str:
    codes = {coding.code for concept in location.type for coding in concept.coding}
    return "hospital" if "HOSP" in codes else "outpatient-centre"  # HL7 v3 RoleCode


def _name(names: Sequence[fhir.HumanName]) -> fhir.HumanName:
    wanted = {"official": 0, "usual": 1, "": 2}
    usable = [name for name in names if name.use not in {"old", "maiden", "nickname", "temp"}]
    if not usable:
        raise Invalid("name: there is no official or usual one")
    return min(usable, key=lambda name: wanted.get(name.use, 3))


def _phone(telecom: Sequence[fhir.ContactPoint], mended: list[str]) -> str:
    """Return the first usable number in E.164, mobile before others; "" for none."""
    points = [p for p in telecom if p.system in {"phone", "sms"} and p.value.strip() and p.use != "old"]
    for point in sorted(points, key=lambda p: p.use != "mobile"):
        text = point.value.strip()
        digits = re.sub("[^0-9]", "", text)
        if text.startswith("+") and re.fullmatch("[1-9][0-9]{6,14}", digits):
            return f"+{digits}"
        if re.fullmatch("1?[2-9][0-9]{2}[2-9][0-9]{6}", digits):  # NANP
            return f"+1{digits[-10:]}"
    if points:
        mended.append("phone-left-out")
    return ""


def _email(telecom: Sequence[fhir.ContactPoint], mended: list[str]) -> str:
    values = [p.value.strip() for p in telecom if p.system == "email" and p.value.strip() and p.use != "old"]
    usable = next((value for value in values if re.fullmatch(EMAIL, value)), "")
    if values and not usable:
        mended.append("email-left-out")
    return usable


def _language(concept: fhir.CodeableConcept) -> str:
    return next((coding.code.partition("-")[0].lower() for coding in concept.coding if coding.code), "")


def _patient_language(patient: fhir.Patient, mended: list[str]) -> str:
    spoken = [_language(c.language) for c in sorted(patient.communication, key=lambda c: not c.preferred)]
    usable = next((tag for tag in spoken if tag in PATIENT_LANGUAGES), "")
    if spoken and not usable:
        mended.append("language-unsupported")
    return usable or PATIENT_LANGUAGES[0]


def _day(text: str) -> date:
    try:
        if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Invalid("birthDate: is not a whole day (YYYY-MM-DD)")
