"""One row of CMS "Hospital General Information" as a facility, with what had to be mended and what cannot be.

The file has passed through spreadsheets: CMS certification numbers and ZIP codes lost leading zeros, coordinates stand
in the text of Location or not at all. Column names changed over the years; those since 2014 are understood.
Nothing is guessed: a row that contradicts itself is refused with the reason.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.directory.domain.places import STATE_ZONES, Place, distance_km
from services.directory.domain.records import Facility
from services.kernel.errors import Invalid

# What we read, by its names with everything but letters and digits taken out.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("providerid", "facilityid", "providernumber", "ccn"),
    "name": ("hospitalname", "facilityname"),
    "address": ("address", "address1"),
    "city": ("city", "citytown"),
    "state": ("state",),
    "zip": ("zipcode", "zip"),
    "type": ("hospitaltype",),
    "phone": ("phonenumber", "telephonenumber"),
    "location": ("location",),
}
OPTIONAL = frozenset({"phone", "location"})
TYPES = frozenset(
    {
        "acute care hospitals", "critical access hospitals", "childrens", "psychiatric", "long-term",
        "rural emergency hospital", "acute care - veterans administration", "acute care - department of defense",
    }
)  # fmt: skip
# Wider than the widest ZIP code area of the lower states; beyond it, ZIP code or coordinates are another place's.
FARTHEST_KM = 150.0

_DEGREES = r"(-?[0-9]{1,3}(?:\.[0-9]+)?)"
_PAIR = re.compile(rf"\(\s*{_DEGREES}\s*,\s*{_DEGREES}\s*\)")
_POINT = re.compile(rf"POINT\s*\(\s*{_DEGREES}\s+{_DEGREES}\s*\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the file has it: the line it begins on, its values, or the fault that keeps it from having any."""

    line: int
    values: tuple[str, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Mended:
    """A facility and what was mended on the way to it (keys of ``MENDINGS``)."""

    facility: Facility
    mended: tuple[str, ...]


MENDINGS: Mapping[str, str] = {
    "id-zeros": "provider ids got their lost zero back",
    "zip-zeros": "ZIP codes got their lost zeros back",
    "coordinates-of-zip": "coordinates were missing and are the ZIP code's centroid",
    "zone-of-state": "time zones are the state's, the ZIP code has none",
    "phone-left-out": "phone numbers were not usable and are left out",
}


def find_columns(header: Sequence[str]) -> Mapping[str, int]:
    """Return where each thing of ``COLUMNS`` stands; raise Invalid naming what is missing."""
    names = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in header]
    found = {
        key: next(names.index(alias) for alias in aliases if alias in names)
        for key, aliases in COLUMNS.items()
        if set(aliases) & set(names)
    }
    if absent := sorted(COLUMNS.keys() - found.keys() - OPTIONAL):
        raise Invalid(f"This is not CMS Hospital General Information: no column for {', '.join(absent)}.")
    return found


def facility_of(values: Mapping[str, str], place_of: Callable[[str], Place | None]) -> Mended:
    """Return the facility of one row, keyed as ``COLUMNS``; raise Invalid with the reason when there is none."""
    mended: list[str] = []
    number = _number(values["id"], mended)
    zip_code = _zip_code(values["zip"], mended)
    state = values["state"].strip().upper()
    place = place_of(zip_code)
    if place is None:
        raise Invalid(f"there is no ZIP code {zip_code}")
    if state not in place.states:
        raise Invalid(f"ZIP code {zip_code} is in {'/'.join(sorted(place.states))}, the row says {state or 'nothing'}")
    if values["type"].strip().lower() not in TYPES:
        raise Invalid("unknown hospital type")
    latitude, longitude = _coordinates(values.get("location", ""), place, mended)
    try:
        facility = Facility(
            facility_id=f"ccn-{number.lower()}",
            name=_line(values["name"]),
            kind="hospital",
            address=_line(values["address"]),
            city=_line(values["city"]),
            state=state,
            zip_code=zip_code,
            latitude=latitude,
            longitude=longitude,
            timezone=_zone(place, state, mended),
            phone=_phone(values.get("phone", ""), mended),
        )
    except Invalid as fault:
        raise Invalid("; ".join(f"{error.where} {error.what}" for error in fault.errors)) from None
    return Mended(facility, tuple(mended))


def _line(text: str) -> str:
    return " ".join(text.split())


def _number(text: str, mended: list[str]) -> str:
    """Return a CMS certification number: two digits for the state, then type and sequence (CMS SOM 2779A)."""
    text = text.strip().upper()
    if re.fullmatch("[0-9]{5}", text):
        mended.append("id-zeros")
        text = f"0{text}"
    if not re.fullmatch("[0-9]{2}[0-9A-Z][0-9]{2}[0-9A-Z]", text):
        raise Invalid("the provider id is not six characters, nor five digits that lost a zero")
    return text


def _zip_code(text: str, mended: list[str]) -> str:
    text = text.strip()
    if re.fullmatch("[0-9]{3,4}", text):
        mended.append("zip-zeros")
        return text.zfill(5)
    if match := re.fullmatch("([0-9]{5})(-?[0-9]{4})?", text):
        return match[1]
    raise Invalid("the ZIP code is not five digits, nor three or four that lost zeros")


def _coordinates(location: str, place: Place, mended: list[str]) -> tuple[float, float]:
    point = _located(location)
    if point is None and (place.latitude is None or place.longitude is None):
        raise Invalid(f"no coordinates, neither in Location nor for ZIP code {place.zip_code}")
    if place.latitude is None or place.longitude is None:
        assert point is not None
        return point
    if point is None:
        mended.append("coordinates-of-zip")
        return place.latitude, place.longitude
    if (away := distance_km(*point, place.latitude, place.longitude)) > FARTHEST_KM:
        raise Invalid(f"the coordinates lie {away:.0f} km from ZIP code {place.zip_code}: one of them is wrong")
    return point


def _located(location: str) -> tuple[float, float] | None:
    """Return latitude and longitude that stand in Location, None for none and for the (0, 0) of empty cells."""
    if match := _PAIR.search(location):
        point = float(match[1]), float(match[2])
    elif match := _POINT.search(location):
        point = float(match[2]), float(match[1])  # well-known text puts x, the longitude, first
    else:
        return None
    return point if any(point) else None


def _zone(place: Place, state: str, mended: list[str]) -> str:
    if place.timezone:
        return place.timezone
    mended.append("zone-of-state")
    return STATE_ZONES.get(state, "")


def _phone(text: str, mended: list[str]) -> str:
    """Return the number in E.164, "" for none; area codes and exchanges begin with 2 to 9 (NANP)."""
    digits = re.sub(r"[^0-9]", "", text)
    if re.fullmatch("1?[2-9][0-9]{2}[2-9][0-9]{6}", digits):
        return f"+1{digits[-10:]}"
    if text.strip():
        mended.append("phone-left-out")
    return ""
