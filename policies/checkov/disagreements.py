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
    ``nothing-to-judge``: a control names the check, and the estate has nothing that it is about.
    """

    check: Annotated[str, Field(pattern=r"^CKV2?_[A-Z0-9]+_\d+$")]
    stance: Literal["blind", "otherwise", "not-wanted", "accepted", "nothing-to-judge"]
    because: Annotated[str, Field(min_length=30)]
    rules: tuple[str, ...] = ()
    resources: str = "*"
    stacks: str = "*"

    def covers(self, remark: Remark) -> bool:
        """Say whether a failure is what this is about."""
        return (
            remark.check == self.check
            and self.stance != "nothing-to-judge"
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
    silent = _silent(opinion, catalogue)
    about_nothing = {one.check: id(one) for one in explanations if one.stance == "nothing-to-judge"}
    needed |= {reason for check, reason in about_nothing.items() if check in silent}
    stale = [
        f"disagreements.yaml: {one.check} for {one.resources} in {one.stacks}: what it explains is no longer so"
        for one in explanations
        if whole and id(one) not in needed
    ]
    if whole:
        stale += [
            f"control {controls}: Checkov has not said a word on {check}: mistyped, or say why in disagreements.yaml"
            for check, controls in silent.items()
            if check not in about_nothing
        ]
    return Settled(
        opinion, tuple(explained), tuple(unexplained), tuple(_ours_alone(opinion, findings, catalogue)), tuple(stale)
    )


def _silent(opinion: Opinion, catalogue: Catalogue) -> dict[str, str]:
    """Return the checks that controls name and Checkov said nothing of, each with those controls."""
    heard = {remark.check for remark in opinion.remarks}
    return {
        check: ", ".join(control.id for control in controls)
        for check, controls in sorted(catalogue.of_evidence("checkov").items())
        if check not in heard
    }


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
