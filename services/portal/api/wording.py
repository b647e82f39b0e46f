"""Words, days and times in the reader's language (45 CFR 92.201). The English text is the key, as in gettext."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml
from babel import Locale
from babel.dates import format_date, format_datetime, format_time

from services.portal.domain.session import Language

FILE = Path(__file__).resolve().parent.parent / "wording" / "es.yaml"
# Sign languages, which the CLDR does not name in Spanish.
SIGNED = {"ase": "American Sign Language"}
SPANISH: dict[str, str] = yaml.safe_load(FILE.read_text("utf-8"))


class Wording:
    """Says things in one language."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._locale = "en_US" if language == "en" else "es_US"

    def __call__(self, text: str, **values: object) -> str:
        """Return ``text`` in the language; a missing translation stays English rather than empty."""
        said = SPANISH.get(text, text) if self.language == "es" else text
        return said.format(**values) if values else said

    def tongue(self, tag: str) -> str:
        """Return what the language with a BCP 47 tag is called; the tag itself where nobody has named it."""
        names = Locale.parse(self._locale).languages
        said = names.get(tag.replace("-", "_")) or names.get(tag.partition("-")[0]) or self(SIGNED.get(tag, tag))
        return f"{said[:1].upper()}{said[1:]}"

    def day(self, value: date | datetime | str) -> str:
        """Return a day in full: Monday, January 4, 2027."""
        at = date.fromisoformat(value[:10]) if isinstance(value, str) else value
        return format_date(at, "full", self._locale)

    def local(self, value: str, zone: str) -> datetime:
        """Return an instant on the wall clock of ``zone``."""
        return datetime.fromisoformat(value).astimezone(ZoneInfo(zone))

    def time(self, value: str, zone: str) -> str:
        """Return a wall-clock time with its zone: 9:20 AM EST."""
        at = self.local(value, zone)
        return f"{format_time(at, 'short', locale=self._locale)} {at.tzname()}"

    def short_time(self, value: str, zone: str) -> str:
        """Return a wall-clock time where the zone is said elsewhere."""
        return format_time(self.local(value, zone), "short", locale=self._locale)

    def instant(self, value: str, zone: str) -> str:
        """Return a day and a wall-clock time with its zone."""
        at = self.local(value, zone)
        pattern = "EEEE, MMMM d, y, h:mm a" if self.language == "en" else "EEEE, d 'de' MMMM 'de' y, h:mm a"
        return f"{format_datetime(at, pattern, locale=self._locale)} {at.tzname()}"
