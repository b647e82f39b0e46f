"""What the fields of a record may hold, said once for the API, the import and the seeds.

A check returns what is wrong in words that never repeat the value: names, birth dates and phones are PHI.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from zoneinfo import available_timezones

from services.kernel.errors import FieldError, Invalid

ID = r"^[a-z]{3}-[a-z0-9][a-z0-9-]{0,59}$"
CODE = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
ZIP = r"^[0-9]{5}$"
# Cognito allows more, but a user name stands in a URL: an e-mail address there would be PHI.
USERNAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
# RFC 5646: language, script and region, the parts a patient chooses a clinician by.
LANGUAGE = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"
# ITU-T E.164; "" where there is none.
PHONE = r"^(\+[1-9][0-9]{6,14})?$"
# What the WHATWG's HTML standard takes for an e-mail address, and at least one dot. "" where there is none.
EMAIL = r"^([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,4})?$"
MAX_TEXT = 120
MAX_LIST = 64


class Findings:
    """Collects what is wrong with a record's fields, to be told all at once."""

    def __init__(self) -> None:
        self._errors: list[FieldError] = []

    def unless(self, right: bool, where: str, what: str) -> None:
        """Note that ``where`` is wrong, and ``what`` about it, unless ``right``."""
        if not right:
            self._errors.append(FieldError(where, what))

    def matches(self, pattern: str, value: str, where: str, what: str) -> None:
        """Note that ``where`` is wrong unless all of ``value`` matches ``pattern``."""
        self.unless(re.fullmatch(pattern, value) is not None, where, what)

    def text(self, value: str, where: str, *, empty: bool = False) -> None:
        """Note that ``where`` is wrong unless it is one trimmed line of 1 (or 0) to MAX_TEXT printable characters."""
        self.unless(is_text(value, empty=empty), where, f"must be one line of at most {MAX_TEXT} characters, trimmed")

    def several(self, values: tuple[str, ...], pattern: str, where: str, what: str, *, least: int = 1) -> None:
        """Note that ``where`` is wrong unless it holds ``least`` to MAX_LIST different values matching ``pattern``."""
        self.unless(all(re.fullmatch(pattern, value) for value in values), where, what)
        self.unless(least <= len(values) <= MAX_LIST, where, f"must hold {least} to {MAX_LIST} values")
        self.unless(len(set(values)) == len(values), where, "must not repeat a value")

    def settle(self) -> None:
        """Raise Invalid with everything noted, or return when there is nothing."""
        if self._errors:
            raise Invalid("See 'errors' for what to correct.", errors=self._errors)


def is_text(value: str, *, empty: bool = False) -> bool:
    """Tell whether ``value`` is one trimmed line of printable characters that PostgreSQL and JSON can both carry."""
    if not value:
        return empty
    # Cc: control characters and NUL; Cs: unpaired surrogates; Zl, Zp: line ends in disguise.
    odd = any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in value)
    return not odd and value == value.strip() and len(value) <= MAX_TEXT


def search_key(name: str) -> str:
    """Return ``name`` without case, accents and doubled spaces: a front desk types ``munoz`` for ``Muñoz``."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())


@cache
def zones() -> frozenset[str]:
    """Return the names of the IANA zones; ``localtime`` and ``Factory`` are files beside them, not places."""
    return frozenset(available_timezones()) - {"localtime", "Factory"}


def missing(wanted: Iterable[str], found: Iterable[str]) -> list[str]:
    """Return what of ``wanted`` is not in ``found``, sorted."""
    return sorted(set(wanted) - set(found))
