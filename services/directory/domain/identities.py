"""Who is the same: records of one person that were merged, and what outside systems call a record of ours."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from services.directory.domain.values import ID, Findings

MAX_IDENTIFIER = 300


@dataclass(frozen=True, slots=True)
class PatientMerge:
    """``replaced_id`` was found to be the same person as ``survivor_id``: FHIR R4 Patient.link, type replaced-by."""

    KEY: ClassVar[str] = "replaced_id"

    replaced_id: str
    survivor_id: str
    merged_at: datetime
    merged_by: str

    def __post_init__(self) -> None:
        found = Findings()
        found.matches(ID, self.replaced_id, "replaced_id", "must look like pat-000001")
        found.matches(ID, self.survivor_id, "survivor_id", "must look like pat-000002")
        found.unless(self.replaced_id != self.survivor_id, "replaced_id", "must be another record than the survivor")
        found.settle()


@dataclass(frozen=True, slots=True)
class BusinessIdentifier:
    """What an outside system calls a record of ours; ``identifier`` is ``<resource type>|<system>|<value>``."""

    KEY: ClassVar[str] = "identifier"

    identifier: str
    record_id: str

    def __post_init__(self) -> None:
        found = Findings()
        found.unless(0 < len(self.identifier) <= MAX_IDENTIFIER, "identifier", f"must be 1 to {MAX_IDENTIFIER} long")
        found.unless(self.identifier.isprintable(), "identifier", "must be printable")
        found.matches(ID, self.record_id, "record_id", "must look like pat-000001")
        found.settle()
