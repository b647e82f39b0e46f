"""The CMS file becomes facilities: the planted flaws of a small one, and all of the real one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from services.directory.adapters.csv_file import read_text, rows
from services.directory.adapters.zip_codes import BundledZipCodes
from services.directory.domain.cms import MENDINGS
from services.directory.usecases.facility_import import CHUNK, land, parse
from services.kernel.clock import FixedClock
from services.kernel.errors import Invalid
from tests.services.directory.cms_files import HEADER, PLANTED, REASONS
from tests.services.directory.fakes import NOW, MemoryStore


def test_good_rows_land_and_bad_ones_are_told() -> None:
    parsed = parse(rows(PLANTED), BundledZipCodes())
    assert [facility.facility_id for facility in parsed.facilities] == ["ccn-010005", "ccn-400001", "ccn-020018"]
    assert {row.line: row.reason for row in parsed.rejected} == REASONS
    assert parsed.read == 7
    assert parsed.mended == {"id-zeros": 2, "zip-zeros": 1, "coordinates-of-zip": 2, "phone-left-out": 1}
    assert [facility.timezone for facility in parsed.facilities] == [
        "America/Chicago", "America/Puerto_Rico", "America/Anchorage",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"), [("a,b\n1,2\n", "no column"), (HEADER, "no rows"), ("{}", "no column"), ("\n", "no column")]
)
def test_other_files(text: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        parse(rows(text), BundledZipCodes())


async def test_landing_twice_changes_nothing_the_second_time() -> None:
    store = MemoryStore()
    facilities = parse(rows(PLANTED), BundledZipCodes()).facilities
    seen: list[int] = []
    first = await land(store.begin, facilities, FixedClock(NOW), seen.append)
    second = await land(store.begin, facilities, FixedClock(NOW), seen.append)
    assert (first.added, second.added, second.changed, second.unchanged) == (3, 0, 0, 3)
    assert len(store.events) == 3
    assert seen == [3, 3]


async def test_the_real_file(shared: Callable[[str], Path]) -> None:
    file = shared("data/hospitals-cms") / "Hospital_General_Information.csv"
    parsed = parse(rows(read_text(file)), BundledZipCodes())
    assert (len(parsed.facilities), list(parsed.rejected)) == (3502, [])
    # The flaws that its PROVENANCE.md tells of, counted; everything else of the file is consistent.
    assert parsed.mended == Counter({"id-zeros": 551, "zip-zeros": 236, "coordinates-of-zip": 221, "phone-left-out": 1})
    assert set(parsed.mended) <= set(MENDINGS)
    assert len({facility.facility_id for facility in parsed.facilities}) == 3502
    zones = Counter(facility.timezone for facility in parsed.facilities)
    assert zones["America/Phoenix"] == 53
    assert zones["America/Puerto_Rico"] == 9
    store = MemoryStore()
    seen: list[int] = []
    tally = await land(store.begin, parsed.facilities, FixedClock(NOW), seen.append)
    assert tally.added == 3502
    assert sum(seen) == 3502
    assert max(seen) == CHUNK
