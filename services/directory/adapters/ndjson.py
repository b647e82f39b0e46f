"""Bulk data as FHIR servers export it: a folder of newline-delimited JSON, one resource a line, maybe compressed.

FHIR Bulk Data Access 2.0: a file holds one resource type, which its name begins with (``Patient.000.ndjson``). A line
is read on its own, so that a broken one costs nothing but itself.
"""

import gzip
import json
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from services.directory.domain.fhir import TYPES
from services.directory.usecases.fhir_outcome import Line
from services.kernel.errors import Invalid

SUFFIXES = (".ndjson", ".ndjson.gz", ".ndjson.xz")
LONGEST_LINE = 4 * 1024 * 1024
_BROKEN = (OSError, EOFError, lzma.LZMAError, zlib.error)


@dataclass(frozen=True, slots=True)
class NdjsonFolder:
    """usecases.fhir_outcome.Source over the files of a folder."""

    files: tuple[Path, ...]

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of the files whose resource type is none that an import takes."""
        return tuple(file.name for file in self.files if _type_of(file) not in TYPES)

    def count(self) -> int:
        """Return how many lines there are to read, blank ones left out."""
        return sum(1 for kind in TYPES for _ in self.lines(kind))

    def lines(self, kind: str) -> Iterator[Line]:
        """Yield the lines of files of resource type ``kind``; what cannot be read comes with its fault."""
        for file in self.files:
            if _type_of(file) == kind:
                yield from _lines(file)


def open_folder(folder: Path) -> NdjsonFolder:
    """Return the export in ``folder``; raise Invalid when there is nothing to import."""
    if not folder.is_dir():
        raise Invalid("is not a folder; give the one that holds Patient.*.ndjson and its like")
    found = tuple(sorted(file for file in folder.iterdir() if file.is_file() and file.name.endswith(SUFFIXES)))
    if not found:
        raise Invalid(f"holds no file ending in {', '.join(SUFFIXES)}")
    if not any(_type_of(file) in TYPES for file in found):
        raise Invalid(f"holds no file that begins with {', '.join(TYPES)}")
    return NdjsonFolder(found)


def _type_of(file: Path) -> str:
    return file.name.partition(".")[0]


def _open(file: Path) -> BinaryIO | gzip.GzipFile | lzma.LZMAFile:
    if file.name.endswith(".gz"):
        return gzip.GzipFile(file)
    return lzma.LZMAFile(file) if file.name.endswith(".xz") else file.open("rb")


def _lines(file: Path) -> Iterator[Line]:
    number = 0
    try:
        with _open(file) as stream:
            while raw := stream.readline(LONGEST_LINE + 1):
                number += 1
                if len(raw) > LONGEST_LINE:
                    yield Line(
                        file.name, number, "", None, f"is longer than {LONGEST_LINE} bytes; not read any further"
                    )
                    return
                if raw.strip():
                    yield _line(file.name, number, raw)
    except _BROKEN as error:
        fault = f"the file cannot be read any further ({type(error).__name__}); what follows is not imported"
        yield Line(file.name, number + 1, "", None, fault)


def _line(name: str, number: int, raw: bytes) -> Line:
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
    except UnicodeDecodeError:
        return Line(name, number, raw.decode("utf-8", "replace").strip(), None, "is not UTF-8")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return Line(name, number, text, None, "is not JSON")
    return Line(name, number, text, content, "" if isinstance(content, dict) else "is not a JSON object")
