"""Where Checkov and our own rules differ, each difference with its reason; one without a reason is a fault.

A reason that nothing needs any more is a fault too, so that the list says what is so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from policies.checkov.opinion import Opinion, Remark
from policies.controls.model import Catalogue
from policies.files import Strict, read_as
from policies.rules.judging import Finding, Verdict

FILE = Path(__file__).with_name("disagreements.yaml")


class Explanation(Strict):
    """Why what Checkov asks for is not so; ``resources`` and ``stacks`` are patterns of names.

    ``blind``: it is so, which Checkov cannot see. ``otherwise``: ours holds the same by another way. ``not-wanted``: it
    would make things worse or nothing better here. ``accepted``: so by a setting, for a stated reason.
    """

    check: Annotated[str, Field(pattern=r"^CKV2?_[A-Z]+_\d+$")]
    stance: Literal["blind", "otherwise", "not-wanted", "accepted"]
    because: Annotated[str, Field(min_length=30)]
    rules: tuple[str, ...] = ()
    resources: str = "*"
    stacks: str = "*"

    def covers(self, remark: Remark) -> bool:
        """Say whether a failure is what this is about."""
        return (
            remark.check == self.check
            and fnmatchcase(remark.name, self.resources)
            and fnmatchcase(remark.stack, self.stacks)
        )


@dataclass(frozen=True, slots=True)
class Settled:
    """Checkov's failures with their explanation, those without, what only our rules found, and what is stale."""

    opinion: Opinion
    explained: tuple[tuple[Remark, Explanation], ...]
    unexplained: tuple[Remark, ...]
    ours_alone: tuple[tuple[Finding, Remark], ...]
    faults: tuple[str, ...]


def load_explanations(file: Path = FILE) -> tuple[Explanation, ...]:
    """Read the explanations; raise Invalid naming file, key, value and what is allowed."""
    return read_as(file, TypeAdapter(tuple[Explanation, ...]))


def settle(
    opinion: Opinion,
    explanations: Sequence[Explanation],
    findings: Iterable[Finding],
    catalogue: Catalogue,
    *,
    whole: bool = True,
) -> Settled:
    """Compare; ``whole`` says that all stacks were asked about, so that a stale explanation is told."""
    explained: list[tuple[Remark, Explanation]] = []
    unexplained: list[Remark] = []
    for remark in opinion.failed:
        reason = next((one for one in explanations if one.covers(remark)), None)
        if reason is None:
            unexplained.append(remark)
        else:
            explained.append((remark, reason))
    needed = {id(reason) for _, reason in explained}
    stale = [
        f"disagreements.yaml: {one.check} for {one.resources} in {one.stacks}: Checkov no longer says so"
        for one in explanations
        if whole and id(one) not in needed
    ]
    return Settled(
        opinion, tuple(explained), tuple(unexplained), tuple(_ours_alone(opinion, findings, catalogue)), tuple(stale)
    )


def _ours_alone(
    opinion: Opinion, findings: Iterable[Finding], catalogue: Catalogue
) -> Iterable[tuple[Finding, Remark]]:
    """Yield what fails a rule of ours and passes a check of Checkov's that is named for the same control."""
    passed: dict[tuple[str, str], list[Remark]] = {}
    for remark in opinion.remarks:
        if remark.passed:
            passed.setdefault((remark.stack, remark.urn), []).append(remark)
    for finding in findings:
        if finding.verdict is Verdict.FAIL:
            checks = {c for control in catalogue.of_rule.get(finding.rule, ()) for c in control.of_kind("checkov")}
            for remark in passed.get((finding.stack, finding.urn), ()):
                if remark.check in checks:
                    yield finding, remark
