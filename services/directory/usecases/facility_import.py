"""Facilities from the CMS file: good rows land, bad ones are told with line and reason, a repeat changes nothing."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from services.directory.domain.cms import Row, facility_of, find_columns
from services.directory.domain.records import Facility
from services.directory.ports import UnitOfWork, ZipCodes
from services.directory.usecases.bulk import Tally, bulk_record
from services.kernel.clock import Clock
from services.kernel.errors import Invalid

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that does not land, and why."""

    line: int
    reason: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file holds: facilities that can land, rows that cannot, and how often each thing was mended."""

    header: tuple[str, ...]
    facilities: Sequence[Facility]
    rejected: Sequence[Rejected]
    mended: Counter[str]

    @property
    def read(self) -> int:
        """How many rows the file has."""
        return len(self.facilities) + len(self.rejected)


def parse(rows: Iterator[Row], zip_codes: ZipCodes) -> Parsed:
    """Return what ``rows``, the header first, hold; raise Invalid when they are of another file altogether."""
    header = next(rows, Row(1, ()))
    columns = find_columns(header.values)
    facilities: dict[str, Facility] = {}
    lines: dict[str, int] = {}
    rejected: list[Rejected] = []
    mended: Counter[str] = Counter()
    for row in rows:
        try:
            if row.fault:
                raise Invalid(row.fault)
            found = facility_of({key: row.values[index] for key, index in columns.items()}, zip_codes.place)
            key = found.facility.facility_id
            if key in facilities:
                raise Invalid(f"the provider id stands on line {lines[key]} already")
        except Invalid as fault:
            rejected.append(Rejected(row.line, fault.detail, row.values))
            continue
        facilities[key], lines[key] = found.facility, row.line
        mended.update(found.mended)
    if not facilities and not rejected:
        raise Invalid("The file has a header and no rows.")
    return Parsed(header.values, list(facilities.values()), rejected, mended)


async def land(
    begin: UnitOfWork, facilities: Sequence[Facility], clock: Clock, advanced: Callable[[int], None]
) -> Tally:
    """Keep ``facilities`` in transactions of CHUNK, their events with them; ``advanced`` hears how many each was."""
    total = Tally()
    for start in range(0, len(facilities), CHUNK):
        chunk = facilities[start : start + CHUNK]
        async with begin() as store:
            total += await bulk_record(store, chunk, clock.now(), replace=True)
        advanced(len(chunk))
    return total
