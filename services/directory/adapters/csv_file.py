"""A CSV file as rows that know their line, such that one broken row costs one row.

The standard reader, fed the whole file, takes a stray quote for a field that goes on to the next quote, wherever that
is. Here a row that does not end before the next one plainly begins is broken, and reading goes on with the next one.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from services.directory.domain.cms import Row
from services.kernel.errors import Invalid

LARGEST_BYTES = 64 * 1024 * 1024
# A record of the CMS file begins with its provider id.
_BEGINS = re.compile(r'"?[0-9][0-9A-Za-z]{3,5}"?,"?[^",]{3,}')


def read_text(file: Path) -> str:
    """Return the file's text; raise Invalid saying what it is instead of a CSV file in UTF-8."""
    if file.stat().st_size > LARGEST_BYTES:
        raise Invalid(f"{file} is larger than {LARGEST_BYTES // 1024 // 1024} MB; the CMS file has a few.")
    content = file.read_bytes()
    if not content.strip():
        raise Invalid(f"{file} is empty.")
    if b"\0" in content:
        raise Invalid(f"{file} is binary, not CSV. Of a spreadsheet, save it as CSV in UTF-8 first.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise Invalid(f"{file} is not UTF-8: line {line} holds other bytes. Convert it first.") from None


def rows(text: str) -> Iterator[Row]:
    """Yield the header and every row; those of another width than the header carry a fault."""
    width = 0
    broken: Row | None = None
    for line, record in _records(text.replace("\r\n", "\n").split("\n")):
        row = _row(line, record, width)
        width = width or len(row.values)
        fragment = bool(row.fault) and not _BEGINS.match(record)
        if broken is not None and fragment:
            broken = Row(broken.line, (*broken.values, *row.values), broken.fault)  # the rest of the broken row
            continue
        if broken is not None:
            yield broken
        broken = row if row.fault else None
        if broken is None:
            yield row
    if broken is not None:
        yield broken


def _records(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield records with the number of their first line; a record is complete when its quotes are in pairs."""
    held: list[str] = []
    begun, quotes = 0, 0
    for number, line in enumerate(lines, 1):
        if held and _BEGINS.match(line):
            yield begun, "\n".join(held)
            held, quotes = [], 0
        if not held:
            begun = number
        held.append(line)
        quotes += line.count('"')
        if quotes % 2 == 0:
            if any(part.strip() for part in held):
                yield begun, "\n".join(held)
            held, quotes = [], 0
    if held:
        yield begun, "\n".join(held)


def _row(line: int, record: str, width: int) -> Row:
    if record.count('"') % 2:
        return Row(line, (record,), "a quote is opened and not closed")
    try:
        values = tuple(next(csv.reader(record.splitlines(keepends=True), strict=True)))
    except (csv.Error, StopIteration):
        return Row(line, (record,), "quotes stand where they may not")
    if width and len(values) != width:
        return Row(line, values, f"has {len(values)} values, the header {width}")
    return Row(line, values)
