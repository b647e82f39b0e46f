"""The change feed's own words: where one stands in it, and what a row of it tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A position in the change feed: a transaction and a row within it, in the order they become visible."""

    transaction: int
    row: int

    def __str__(self) -> str:
        return f"{self.transaction}-{self.row}"


@dataclass(frozen=True, slots=True)
class ToldChange:
    """A row of the change feed: of an appointment, or of a freed slot."""

    cursor: Cursor
    action: str
    at: datetime
    event_type: str
    event: Mapping[str, Any]
