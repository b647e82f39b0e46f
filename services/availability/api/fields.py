"""Parameters and fields that several routes share, bounded so that nothing odd reaches a rule or the database."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, PlainValidator, StringConstraints, WithJsonSchema

from services.availability.domain.wall_clock import FIRST_DAY, LAST_DAY

_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
_CODE = r"^[a-z0-9][a-z0-9-]{0,63}$"
_INSTANT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})"
_EXPECTED = "give a date (2027-01-31) or an instant with its offset (2027-01-31T09:00:00-05:00)"

Identifier = Annotated[str, StringConstraints(pattern=_ID)]
Code = Annotated[str, StringConstraints(pattern=_CODE)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]
ZipCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{5}(-[0-9]{4})?$")]
WallTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
PathId = Annotated[str, Path(pattern=_ID)]


def _day_in_range(day: date) -> date:
    if not FIRST_DAY < day < LAST_DAY:
        raise ValueError(f"must lie between {FIRST_DAY} and {LAST_DAY}")
    return day


def _instant_in_range(at: datetime) -> datetime:
    _day_in_range(at.date())
    return at.astimezone(UTC)


def _instant_or_day(value: Any) -> datetime | date:
    text = str(value)
    try:
        if len(text) == len("2027-01-31"):
            return _day_in_range(date.fromisoformat(text))
        # An unescaped plus of an offset arrives as a space.
        at = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise ValueError(_EXPECTED) from None
    if at.tzinfo is None:
        raise ValueError(_EXPECTED)
    return _instant_in_range(at)


Day = Annotated[date, AfterValidator(_day_in_range)]
Instant = Annotated[AwareDatetime, AfterValidator(_instant_in_range)]
InstantOrDay = Annotated[
    datetime | date,
    PlainValidator(_instant_or_day),
    WithJsonSchema({"type": "string", "pattern": rf"^(\d{{4}}-\d{{2}}-\d{{2}}|{_INSTANT})$"}),
]
