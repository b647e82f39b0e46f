"""Reads outcomes of visits from a CSV file as the no-show data set of Vitoria has it, packed or not.

Rows that cannot be used are counted by reason with the first line of each; a file that cannot be used says why.
"""

import bz2
import csv
import gzip
import hashlib
import io
import lzma
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from services.availability.domain.slotting.outcomes import Outcome
from services.kernel.errors import Invalid

REQUIRED = ("PatientId", "ScheduledDay", "AppointmentDay", "No-show")
ANSWERS = {"yes": True, "no": False}
PACKED: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"\xfd7zXZ\x00": lzma.decompress,
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
}
AGE_BANDS = ((0, "0-17"), (18, "18-39"), (40, "40-59"), (60, "60 and over"))
MOST_AGE = 120


@dataclass(slots=True)
class NoShowFile:
    """What was read: the outcomes, how many rows there were, rejected rows by reason with the first line of each."""

    name: str
    sha256: str
    rows: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    first_lines: dict[str, int] = field(default_factory=dict)

    def reject(self, reason: str, line: int) -> None:
        """Count a row that cannot be used."""
        self.rejected[reason] = self.rejected.get(reason, 0) + 1
        self.first_lines.setdefault(reason, line)


class _Unusable(Exception):
    """Why one row cannot be used."""


def read(path: Path) -> NoShowFile:
    """Return the outcomes in ``path``; raise Invalid when it holds none or is no such file."""
    raw = path.read_bytes()
    found = NoShowFile(path.name, hashlib.sha256(raw).hexdigest())
    reader = csv.DictReader(io.StringIO(_text(raw), newline=""))
    missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
    if missing:
        raise Invalid(f"{path.name} has no column {', '.join(missing)}; it needs {', '.join(REQUIRED)}.")
    seen: set[str] = set()
    try:
        for row in reader:
            found.rows += 1
            try:
                found.outcomes.append(_outcome(row, seen))
            except _Unusable as unusable:
                found.reject(str(unusable), reader.line_num)
    except csv.Error as fault:
        raise Invalid(f"{path.name} is not CSV from line {reader.line_num} on: {fault}.") from None
    if not found.outcomes:
        told = "; ".join(f"{count} {reason}" for reason, count in found.rejected.items()) or "no row after the header"
        raise Invalid(f"{path.name} holds no visit that can be used: {told}.")
    return found


def _text(raw: bytes) -> str:
    try:
        for magic, unpack in PACKED.items():
            if raw.startswith(magic):
                raw = unpack(raw)
        return raw.decode("utf-8-sig")
    except (OSError, EOFError, lzma.LZMAError, ValueError):
        raise Invalid("The file is neither UTF-8 text nor intact xz, gzip or bzip2 of it.") from None


def _outcome(row: Mapping[str, str | None], seen: set[str]) -> Outcome:
    if any(row.get(name) is None for name in REQUIRED):
        raise _Unusable("with too few columns")
    missed = ANSWERS.get(str(row["No-show"]).strip().lower())
    if missed is None:
        raise _Unusable("whose No-show is neither Yes nor No")
    patient = _patient(str(row["PatientId"]))
    booked_on, day = _day(str(row["ScheduledDay"])), _day(str(row["AppointmentDay"]))
    if day < booked_on:
        raise _Unusable("whose appointment lies before its booking")
    if number := (row.get("AppointmentID") or "").strip():
        if number in seen:
            raise _Unusable("that repeat an AppointmentID")
        seen.add(number)
    return Outcome(patient, booked_on, day, missed, dict(_groups(row)))


def _patient(text: str) -> str:
    """Return the number without the exponent or fraction that spreadsheets put on it."""
    try:
        number = Decimal(text.strip())
        if number.is_finite() and abs(number.adjusted()) < 40:
            return str(number.to_integral_value().quantize(Decimal(1)))
    except InvalidOperation:
        pass
    raise _Unusable("whose PatientId is not a number")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise _Unusable("whose days are not dates") from None


def _groups(row: Mapping[str, str | None]) -> list[tuple[str, str]]:
    groups = []
    if row.get("Age") is not None:
        groups.append(("age", _age_band(str(row["Age"]))))
    if row.get("Gender") is not None:
        groups.append(("sex", {"F": "female", "M": "male"}.get(str(row["Gender"]).strip(), "unknown")))
    if row.get("Scholarship") is not None:
        groups.append(("welfare", {"1": "receives", "0": "does not"}.get(str(row["Scholarship"]).strip(), "unknown")))
    if neighbourhood := (row.get("Neighbourhood") or "").strip():
        groups.append(("neighbourhood", neighbourhood))
    return groups


def _age_band(text: str) -> str:
    try:
        age = int(text)
    except ValueError:
        return "unknown"
    if not 0 <= age <= MOST_AGE:
        return "unknown"
    return [band for least, band in AGE_BANDS if age >= least][-1]
