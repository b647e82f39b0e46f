"""Which AWS services may hold or carry which class of data, read from AWS's list on a date that is written down."""

from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import TypeAdapter, model_validator

from policies.files import Strict, read_as

FILE = Path(__file__).with_name("eligibility.yaml")
DataClass = Literal["public", "internal", "phi"]
LONGEST_DAYS = 190
# From the least to the most sensitive.
CLASSES: tuple[DataClass, ...] = ("public", "internal", "phi")


class Service(Strict):
    """One AWS service and the most sensitive class it may hold; ``why`` where that is not what the list says itself.

    ``seen`` names the copy of the list, or AWS's document, in which it was found to be eligible.
    """

    name: str
    data: DataClass
    seen: str = ""
    why: str = ""

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if self.data != "phi" and not self.why:
            raise ValueError("why: say why it may not hold PHI")
        if self.data == "phi" and not self.seen:
            raise ValueError("seen: say where it was found to be eligible")
        return self


class Eligibility(Strict):
    """The whole register: AWS's list, how and when it was compared with what, and when that is to be done again."""

    source: str
    how: str
    read: date
    review: date
    copies: dict[str, str]
    services: dict[str, Service]

    @model_validator(mode="after")
    def _read_often(self) -> Self:
        if not 0 < (self.review - self.read).days <= LONGEST_DAYS:
            raise ValueError(f"review: within {LONGEST_DAYS} days after {self.read}")
        if unknown := {one.seen for one in self.services.values()} - {"", *self.copies}:
            raise ValueError(f"seen: {', '.join(sorted(unknown))}: not among copies")
        return self

    def overdue(self, today: date) -> bool:
        """Say whether AWS's list should have been read again by a day."""
        return self.review < today

    def service_of(self, type_: str) -> Service | None:
        """Return the service of a resource type's token; None if the register has no entry for it."""
        module = type_.split(":")[1] if type_.count(":") >= 2 else ""
        return self.services.get(module) or self.services.get(module.partition("/")[0])


@cache
def load_eligibility(file: Path = FILE) -> Eligibility:
    """Read the register; raise Invalid naming file, key, value and what is allowed."""
    return read_as(file, TypeAdapter(Eligibility))
