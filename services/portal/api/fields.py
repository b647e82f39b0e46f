"""Reading form fields: what a person typed becomes a value, or a sentence beside the field says what to mend."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Path

from services.portal.api.wording import Wording

ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
PathId = Annotated[str, Path(pattern=ID)]
AppointmentId = Annotated[UUID, Path()]
ZIP = re.compile(r"\d{5}")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
FIRST, LAST = date(1900, 1, 1), date(2199, 12, 31)


class Fields:
    """The fields of one form; ``errors`` collects what is wrong by field name, in the reader's language."""

    def __init__(self, form: Mapping[str, object], wording: Wording) -> None:
        self._form = form
        self._ = wording
        self.say = wording
        self.errors: dict[str, str] = {}

    def text(self, name: str, most: int = 200) -> str:
        """Return a field's text, "" when it is missing or holds what no line of text holds."""
        value = str(self._form.get(name, "")).strip()
        if len(value) > most or not value.isprintable():
            self.errors[name] = self._("This is too long or holds characters that cannot be used.")
            return ""
        return value

    def needed(self, name: str, told: str, most: int = 200) -> str:
        """Return a field that must not be empty; ``told`` is said when it is."""
        value = self.text(name, most)
        if not value and name not in self.errors:
            self.errors[name] = told
        return value

    def matching(self, name: str, pattern: re.Pattern[str], told: str) -> str:
        """Return a field that is empty or matches."""
        value = self.text(name)
        if value and not pattern.fullmatch(value):
            self.errors[name] = told
        return value

    def day(self, name: str) -> date | None:
        """Return a date, or None for an empty field."""
        value = self.text(name)
        if not value:
            return None
        try:
            found = date.fromisoformat(value)
        except ValueError:
            found = date.min
        if not FIRST <= found <= LAST:
            self.errors[name] = self._("Enter a date such as 2027-01-31.")
            return None
        return found

    def needed_day(self, name: str) -> date:
        """Return a date that must be given; any date when it is wrong (the error is what counts then)."""
        found = self.day(name)
        if found is None:
            self.errors.setdefault(name, self._("Enter a date such as 2027-01-31."))
        return found or FIRST

    def clock(self, name: str) -> time:
        """Return a wall-clock time that must be given."""
        try:
            return time.fromisoformat(self.text(name))
        except ValueError:
            self.errors[name] = self._("Enter a time such as 08:30.")
            return time()

    def number(self, name: str, least: int, most: int) -> int:
        """Return a whole number within bounds."""
        value = self.text(name)
        if not (value.isascii() and value.isdecimal() and len(value) < 6 and least <= int(value) <= most):
            self.errors[name] = self._("Enter a whole number from {least} to {most}.", least=least, most=most)
            return least
        return int(value)


def local_day(now: datetime, zone: str = "America/New_York") -> date:
    """Return the calendar day at ``now`` where the facility is."""
    return now.astimezone(ZoneInfo(zone)).date()
