"""Waivers: what fails a rule and is accepted for a while, by whom, why, and what makes up for it.

A waiver is a debt with a date. One that is expired, that nothing needs any more, or that covers more than it was
thought through for, is a fault of its own, so that the file cannot rot.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, TypeAdapter, model_validator

from policies.files import Strict, read_as
from policies.rules.judging import Finding, Verdict

FILE = Path(__file__).with_name("waivers.yaml")
LONGEST_DAYS = 366
# How many findings one waiver may cover: more means that the rule is wrong, or the estate.
MOST = 12
Text = Annotated[str, Field(min_length=20)]


class Waiver(Strict):
    """One exception from one rule. ``stack`` and ``resource`` are patterns (``*``, ``?``) of names, not both bare."""

    rule: str
    resource: str
    stack: str = "*"
    owner: Annotated[str, Field(min_length=3)]
    reason: Text
    compensating: Text
    approver: Annotated[str, Field(min_length=3)]
    approved: date
    expires: date

    @model_validator(mode="after")
    def _narrow_and_short(self) -> Self:
        if not self.resource.strip("*?"):
            raise ValueError("resource: name at least a part of the resource's name; a bare * waives the rule itself")
        if "*" in self.rule or "?" in self.rule:
            raise ValueError("rule: one rule by its id, no pattern")
        if not 0 < (self.expires - self.approved).days <= LONGEST_DAYS:
            raise ValueError(f"expires: within {LONGEST_DAYS} days after {self.approved}")
        if self.owner == self.approver:
            raise ValueError("approver: somebody other than the owner")
        return self

    def covers(self, finding: Finding) -> bool:
        """Say whether a failure is what this is about."""
        return (
            finding.verdict is Verdict.FAIL
            and finding.rule == self.rule
            and fnmatchcase(finding.name, self.resource)
            and fnmatchcase(finding.stack, self.stack)
        )

    @property
    def label(self) -> str:
        """What it is called in messages."""
        return f"{self.rule} for {self.resource} in {self.stack}"


@dataclass(frozen=True, slots=True)
class Applied:
    """Failures that stand, failures that are waived with the waiver of each, and what is wrong with waivers."""

    standing: tuple[Finding, ...]
    waived: tuple[tuple[Finding, Waiver], ...]
    faults: tuple[str, ...]


def load_waivers(file: Path = FILE) -> tuple[Waiver, ...]:
    """Read the waivers; raise Invalid naming file, key, value and what is allowed."""
    return read_as(file, TypeAdapter(tuple[Waiver, ...]))


def apply(
    waivers: Sequence[Waiver],
    findings: Iterable[Finding],
    today: date,
    *,
    whole: bool = True,
    rules: Iterable[str] = (),
) -> Applied:
    """Apply waivers as of a day; ``whole`` says that all stacks were judged, so that an unused one is told.

    ``rules`` are the ids there are (none: not checked). An expired waiver covers nothing.
    """
    failures = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    faults: list[str] = []
    waived: dict[Finding, Waiver] = {}
    known = set(rules)
    for waiver in waivers:
        covered = [finding for finding in failures if waiver.covers(finding)]
        if known and waiver.rule not in known:
            faults.append(f"waiver of {waiver.label}: there is no such rule")
        elif waiver.expires < today:
            faults.append(f"waiver of {waiver.label}: expired on {waiver.expires}")
            continue
        elif len(covered) > MOST:
            faults.append(f"waiver of {waiver.label}: covers {len(covered)} failures, more than {MOST}")
        elif whole and not covered:
            faults.append(f"waiver of {waiver.label}: nothing needs it any more")
        waived |= {finding: waived.get(finding, waiver) for finding in covered}
    standing = tuple(finding for finding in failures if finding not in waived)
    return Applied(standing, tuple(waived.items()), tuple(faults))
