"""Words, days and times in the reader's language (45 CFR 92.201). The English text is the key, as in gettext."""

from datetime import date, datetime
from pathlib import Path
from typing import Self

import yaml
from babel.dates import format_date, format_time

LANGUAGES = {"en": "English", "es": "Español"}
FILE = Path(__file__).resolve().parent.parent / "wording" / "es.yaml"
SPANISH: dict[str, str] = yaml.safe_load(FILE.read_text("utf-8"))


class Wording:
    """Says things in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._locale = "es_US" if language == "es" else "en_US"

    @classmethod
    def of(cls, chosen: str, accepted: str) -> Self:
        """Return the words in the chosen language, else in the one the browser prefers, else in English."""
        preferred = chosen if chosen in LANGUAGES else accepted[:2].lower()
        return cls(preferred if preferred in LANGUAGES else "en")

    def __call__(self, text: str, **values: object) -> str:
        """Return ``text`` in the language; a missing translation stays English rather than empty."""
        said = SPANISH.get(text, text) if self.language == "es" else text
        return said.format(**values) if values else said

    def day(self, value: date) -> str:
        """Return a day in full: Monday, January 4, 2027."""
        return format_date(value, "full", self._locale)

    def time(self, value: datetime) -> str:
        """Return a wall-clock time with its zone: 9:20 AM EST."""
        return f"{format_time(value, 'short', locale=self._locale)} {value.tzname()}"
