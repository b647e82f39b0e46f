"""What an import of FHIR bulk data reads and what it comes to: nothing that was read is unaccounted for."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.directory.domain import fhir


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file: its parsed ``content``, or the ``fault`` that keeps it from having any."""

    file: str
    number: int
    text: str
    content: Any
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that does not land, and why."""

    line: Line
    resource_type: str
    reason: str

    @property
    def resource_id(self) -> str:
        """The resource's id, "" where the line has none."""
        found = self.line.content.get("id") if isinstance(self.line.content, dict) else None
        return found if isinstance(found, str) else ""


class Source(Protocol):
    """Where resources come from."""

    def lines(self, kind: str) -> Iterator[Line]:
        """Yield the lines of one resource type."""
        ...


@dataclass(slots=True)
class Outcome:
    """What became of everything that was read, by resource type."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in fhir.TYPES})
    rejected: list[Rejected] = field(default_factory=list)
    mended: Counter[str] = field(default_factory=Counter)

    @property
    def landed(self) -> int:
        """How many resources are in the directory now, whether or not they were before."""
        return sum(c["added"] + c["changed"] + c["unchanged"] + c["merged"] for c in self.counts.values())
