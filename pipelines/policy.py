"""`careslot policy`: whether the estate keeps to our rules, and what a control asks for and is shown by."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from rich.console import Console

from infra.recording.graph import Recording
from infra.stacks import all_stacks
from pipelines import policy_report
from pipelines.preview import chosen, recorded
from policies.assessment import Assessment, assess, gravest_first, told
from policies.controls.model import Catalogue, Control, load_catalogue
from policies.rules.every import RULES
from policies.rules.judging import Verdict
from services.kernel.errors import Invalid

verbs = typer.Typer(help="Judge the estate by our rules, and explain what asks for them.", no_args_is_help=True)
policy_report.register(verbs)
# Of findings alike, as many are shown; --json has all.
SHOWN = 5


@verbs.command("check")
def check(
    stacks: Annotated[
        list[str] | None,
        typer.Argument(help="Stacks, or environments for all of theirs; all if none is named.", metavar="STACK"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything found as JSON.")] = False,
    day: Annotated[
        datetime | None,
        typer.Option("--on", formats=["%Y-%m-%d"], help="Judge waivers as of this day instead of today."),
    ] = None,
) -> None:
    """Judge stacks by every rule; exit 1 if a failure is not waived or a waiver is not in order."""
    wanted = chosen(stacks or ())
    environments = {stack.environment for stack in wanted}
    # Whole environments, because a rule about a pair of regions needs both.
    recordings = [one for kept in recorded(environments) for one in kept]
    if not judge(recordings, {stack.name for stack in wanted}, _day(day), as_json=as_json):
        raise typer.Exit(1)


@verbs.command("explain")
def explain(
    name: Annotated[str, typer.Argument(help="A control, a rule or a citation (164.312(b), 09.m).", metavar="CONTROL")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the controls as JSON.")] = False,
) -> None:
    """Tell what a control is for, who asks for it, what shows it, and how a failure is mended."""
    catalogue = load_catalogue()
    controls = _controls(name, catalogue)
    if as_json:
        json.dump([control.model_dump(mode="json", exclude_none=True) for control in controls], sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    out = Console(highlight=False, soft_wrap=True)
    for control in controls:
        _explain(control, catalogue, out)


def judge(recordings: list[Recording], stacks: set[str], today: date, *, as_json: bool) -> bool:
    """Judge recorded environments and print what was found of some of their stacks; say whether all is well."""
    began = time.monotonic()
    found = _of(assess(recordings, today, whole=len(stacks) == len(all_stacks())), stacks)
    catalogue = load_catalogue()
    if as_json:
        json.dump(found.as_dict(catalogue), sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        _show(found, catalogue)
        typer.echo(f"{len(RULES)} rules over {len(stacks)} stacks in {time.monotonic() - began:.1f} s")
    return found.passed


def _of(found: Assessment, stacks: set[str]) -> Assessment:
    """Return what was found of some stacks alone."""
    applied = found.applied
    return Assessment(
        findings=tuple(finding for finding in found.findings if finding.stack in stacks),
        before=tuple(finding for finding in found.before if finding.stack in stacks),
        applied=type(applied)(
            standing=tuple(finding for finding in applied.standing if finding.stack in stacks),
            waived=tuple(pair for pair in applied.waived if pair[0].stack in stacks),
            faults=applied.faults,
        ),
        faults=found.faults,
    )


def _day(given: datetime | None) -> date:
    return (given or datetime.now(UTC)).date()


def _show(found: Assessment, catalogue: Catalogue) -> None:
    out = Console(highlight=False, soft_wrap=True)
    for finding in gravest_first(found.applied.standing, catalogue):
        words = told(finding, catalogue)
        out.print(f"[bold red]{words['severity']}[/] {finding.place or finding.stack}: {finding.name}", markup=True)
        out.print(f"    {finding.message} [{finding.rule}]", markup=False)
        out.print(f"    fix: {words['remedy']}", markup=False)
        out.print(f"    asked for by: {', '.join(words['citations'])}", markup=False, style="dim")
    for finding, waiver in found.applied.waived:
        out.print(
            f"waived until {waiver.expires} by {waiver.approver}: {finding.stack} {finding.name} [{finding.rule}]",
            markup=False, style="yellow",
        )  # fmt: skip
    for fault in found.faults:
        out.print(fault, markup=False, style="red")
    counts = {verdict: sum(finding.verdict is verdict for finding in found.findings) for verdict in Verdict}
    undecided = found.undecided()
    out.print(
        f"{counts[Verdict.PASS]} pass, {len(found.applied.standing)} fail, {len(found.applied.waived)} waived, "
        f"{counts[Verdict.UNKNOWN]} cannot tell, {counts[Verdict.NOT_APPLICABLE]} not applicable"
    )
    if undecided:
        most = ", ".join(f"{rule} {number}" for rule, number in undecided.most_common(SHOWN))
        out.print(
            f"before a first deployment {undecided.total()} cannot be told, by {len(undecided)} rules "
            f"({most}, ...): told again once they are known",
            markup=False,
        )


def _controls(name: str, catalogue: Catalogue) -> tuple[Control, ...]:
    if name in catalogue.by_id:
        return (catalogue.by_id[name],)
    if name in catalogue.of_rule:
        return catalogue.of_rule[name]
    for framework in catalogue.frameworks:
        if name in framework.by_id:
            if citing := catalogue.citing(framework.id, name):
                return citing
            raise Invalid(f"{framework.title} {name} ({framework.by_id[name].title}): not covered, no control cites it")
    raise Invalid(
        f"{name!r} is neither a control, a rule nor a citation; controls are {', '.join(sorted(catalogue.by_id))}"
    )


def _explain(control: Control, catalogue: Catalogue, out: Console) -> None:
    out.print(f"{control.id} ({control.severity})", style="bold", markup=False)
    out.print(f"  {control.title}", markup=False)
    out.print(f"  why: {control.why}", markup=False)
    out.print(f"  fix: {control.fix}", markup=False)
    for framework in catalogue.frameworks:
        for one in control.citations.get(framework.id, ()):
            requirement = framework.by_id[one]
            out.print(f"  {framework.title} {one}: {requirement.title} ({_needs(requirement.kind, requirement.needs)})")
    for evidence in control.evidence:
        rule = RULES.get(evidence.reference) if evidence.kind == "rule" else None
        words = f": {rule.title}; {rule.remedy}" if rule else ""
        out.print(f"  shown by {evidence.kind} {evidence.reference}{words}", markup=False)


def _needs(kind: str, needs: str) -> str:
    return needs if kind == "specification" else kind
