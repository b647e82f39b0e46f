"""One broken row of a CSV file costs one row, whatever is broken; files of other kinds are told as what they are."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory.adapters.csv_file import LARGEST_BYTES, read_text, rows
from services.kernel.errors import Invalid

HEADER = '"Provider.ID","Hospital.Name","City","Location"\n'
GOOD = '10005,"MARSHALL SOUTH","BOAZ","2505 U S HIGHWAY\nBOAZ, AL\n(34.2, -86.1)"\n'
NEXT = '10012,"DEKALB REGIONAL","FORT PAYNE","200 MED CENTER DRIVE\nFORT PAYNE, AL\n"\n'


def lines(text: str) -> list[tuple[int, int, bool]]:
    """Return line, number of values and soundness of each row after the header."""
    return [(row.line, len(row.values), not row.fault) for row in list(rows(text))[1:]]


def test_fields_go_over_lines_and_rows_know_theirs() -> None:
    header, first, second = rows(HEADER + GOOD + NEXT)
    assert header.values == ("Provider.ID", "Hospital.Name", "City", "Location")
    assert (first.line, second.line) == (2, 5)
    assert first.values[3] == "2505 U S HIGHWAY\nBOAZ, AL\n(34.2, -86.1)"


@pytest.mark.parametrize(
    "broken",
    [
        '10007,"WEDOWEE","WEDOWEE"\n',
        '10007,"WEDOWEE","WEDOWEE","x","y"\n',
        '10007,"WEDOWEE,"WEDOWEE","209 NORTH MAIN\nWEDOWEE, AL\n"\n',
        '10007,"WEDOWEE"",WEDOWEE","209 NORTH MAIN\nWEDOWEE, AL\n"\n',
        '10007,"WEDOWEE","WEDOWEE","209 NORTH MAIN\nWEDOWEE, AL\n\n',
        '10007,"WEDOWEE" HOSPITAL,"WEDOWEE","209 NORTH MAIN\nWEDOWEE, AL\n"\n',
        "nonsense\n",
    ],
)
def test_a_broken_row_costs_one_row(broken: str) -> None:
    found = lines(HEADER + GOOD + broken + NEXT)
    assert [sound for _, _, sound in found] == [True, False, True]
    assert [line for line, _, _ in found] == [2, 5, 5 + broken.count("\n")]


def test_the_end_may_be_missing() -> None:
    assert lines(HEADER + GOOD + '10012,"DEKALB","FORT PAYNE","200 MED') == [(2, 4, True), (5, 1, False)]
    assert lines(HEADER + GOOD.rstrip("\n")) == [(2, 4, True)]
    assert lines((HEADER + GOOD + NEXT).replace("\n", "\r\n")) == [(2, 4, True), (5, 4, True)]
    assert lines(HEADER + "\n\n" + GOOD) == [(4, 4, True)]


cells = st.text(st.characters(codec="utf-8", exclude_characters='\r\x00"'), max_size=12).filter(
    lambda text: not any(part[:5].isalnum() and part[:1].isdigit() for part in text.split("\n"))
)


@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=8))
def test_what_a_csv_writer_writes_is_read_back(table: list[tuple[str, str, str]]) -> None:
    numbered = [(f"{10000 + n}", "NAME OF A HOSPITAL", *cells) for n, cells in enumerate(table)]
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("id", "name", "a", "b", "c"), *numbered])
    assert [row.values for row in rows(out.getvalue())][1:] == numbered


@given(st.text(max_size=200))
def test_any_text_is_read_without_complaint(text: str) -> None:
    found = list(rows(HEADER + text))
    assert found[0].line == 1
    assert [row.line for row in found] == sorted(row.line for row in found)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"), (b" \n\n", "empty"), (b"PK\x03\x04\x00\x00", "binary"),
        ("Provider.ID\nMUÑOZ\n".encode("latin-1"), "not UTF-8: line 2"), ("a,b\n".encode("utf-16"), "binary"),
    ],
)  # fmt: skip
def test_files_of_other_kinds(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "file.csv"
    file.write_bytes(content)
    with pytest.raises(Invalid, match=told):
        read_text(file)


def test_a_byte_order_mark_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    file.write_bytes(b"\xef\xbb\xbfProvider.ID\n")
    assert read_text(file) == "Provider.ID\n"


def test_files_beyond_reason(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    with file.open("wb") as stream:
        stream.truncate(LARGEST_BYTES + 1)
    with pytest.raises(Invalid, match="larger"):
        read_text(file)
