"""Adaptive slotting on the command line: judge the no-show model on data, compare ways to fill a day by simulation."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from services.availability.adapters.noshow_file import NoShowFile
    from services.availability.usecases.noshow_evaluation import Evaluation

DEFAULT_EARLIER = 0.7
DEFAULT_SEEDS = 5
Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]


def verbs() -> typer.Typer:
    """Return the group ``slotting``."""
    slotting = typer.Typer(help="Adaptive slotting: how good is it, and what does it gain.", no_args_is_help=True)
    slotting.command("evaluate")(evaluate)
    slotting.command("simulate")(simulate)
    return slotting


def evaluate(
    file: Annotated[
        Path,
        typer.Argument(
            help="Outcomes of visits: CSV as noshow-vitoria has it, plain or packed (xz, gz, bz2).",
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ],
    earlier: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Part of the days to train on; the later ones are scored.")
    ] = DEFAULT_EARLIER,
    score_from: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day to score, instead of --earlier.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Score this model file ('packaged': the service's own) on all days; train nothing.")
    ] = "",
    as_of: Annotated[
        str, typer.Option(help="What is known of a patient: outcomes before the 'eve' of the visit or its 'booking'.")
    ] = "eve",
    write: Annotated[Path | None, typer.Option(help="Write the trained model to this file.", dir_okay=False)] = None,
    as_json: Json = False,
) -> None:
    """Train a no-show model on the earlier days, score it on the later ones, beside naive baselines and by group."""
    from services.availability.adapters import noshow_model
    from services.availability.adapters.noshow_file import read
    from services.availability.adapters.noshow_statistics import ScikitStatistics
    from services.availability.domain.slotting.outcomes import split
    from services.availability.usecases import noshow_evaluation
    from services.kernel.errors import Invalid

    if as_of not in {"eve", "booking"}:
        raise typer.BadParameter("is 'eve' or 'booking'", param_hint="--as-of")
    if model and write:
        raise typer.BadParameter("a model that is only scored is not written again", param_hint="--write")
    with _progress(as_json) as tell:
        tell(f"reading {file.name}")
        try:
            given = noshow_model.load(model) if model else None
            found = read(file)
            first = min(one.day for one in found.outcomes)
            since = score_from.date() if score_from else first if given else split(found.outcomes, earlier)
            result = noshow_evaluation.evaluate(
                found.outcomes, since, ScikitStatistics(), f"{file.name.split('.')[0]}-{found.sha256[:8]}",
                given=given, as_of_booking=as_of == "booking", tell=tell,
            )  # fmt: skip
        except Invalid as fault:
            raise typer.BadParameter(fault.detail, param_hint="FILE") from None
    if write:
        noshow_model.save(result.model, _provenance(found, result, as_of), write)
    if as_json:
        typer.echo(json.dumps(_evaluation_json(found, result, as_of), indent=2, ensure_ascii=False))
    else:
        _print_evaluation(found, result, as_of)
        if write:
            typer.echo(f"the model was written to {write}")


def simulate(
    seeds: Annotated[
        int, typer.Option(min=1, max=50, help="How many times, each with other patients.")
    ] = DEFAULT_SEEDS,
    days: Annotated[int, typer.Option(min=5, max=250, help="Working days that are measured, a time.")] = 40,
    clinicians: Annotated[int, typer.Option(min=1, max=50, help="Clinicians of the simulated clinic.")] = 8,
    surge: Annotated[float, typer.Option(min=1.0, max=3.0, help="Urgent demand by its usual level.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Fill the same clinic's days by fixed template, uniform overbooking and adaptive slotting, side by side."""
    from dataclasses import replace

    from services.availability.adapters import noshow_model
    from services.availability.domain.simulation.clinic import Clinic
    from services.availability.usecases.slotting_simulation import compare

    clinic = replace(Clinic(), days=days, clinicians=clinicians, surge=surge)
    with _progress(as_json) as tell:
        result = compare(clinic, noshow_model.load(), list(range(1, seeds + 1)), tell)
    from services.availability.cli.comparison import as_data, print_tables

    if as_json:
        typer.echo(json.dumps(as_data(result), indent=2))
    else:
        print_tables(result)


@contextmanager
def _progress(silent: bool) -> Iterator[Callable[[str], None]]:
    """Yield what tells people what is being done: on a terminal one living line, nothing in a pipe or with --json."""
    if silent or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield status.update


def _provenance(found: "NoShowFile", result: "Evaluation", as_of: str) -> dict[str, Any]:
    score = result.whole
    return {
        "trained_on": found.name,
        "sha256": found.sha256,
        "visits": result.trained_on,
        "days": [day.isoformat() for day in result.trained_days or ()],
        "history_as_of": as_of,
        "scored_on": {
            "visits": score.visits, "days": [day.isoformat() for day in result.scored_days],
            "auc": _rounded(score.auc), "brier": _rounded(score.brier), "calibration_slope": _rounded(score.slope),
        },
        "features": "lead time, prior history, weekday; distance from Lee et al. 2005 (PMC1190171)",
        "never_features": "race, payer, language, age, sex, diagnoses; visits under 42 CFR Part 2 are left out",
        "use": "see the data's own licence; fit again on your own history before clinical use",
    }  # fmt: skip


def _evaluation_json(found: "NoShowFile", result: "Evaluation", as_of: str) -> dict[str, Any]:
    from dataclasses import asdict

    whole = asdict(result)
    model = whole.pop("model")
    days = {
        "trained_days": [day.isoformat() for day in result.trained_days or ()],
        "scored_days": [day.isoformat() for day in result.scored_days],
    }
    file = {"name": found.name, "sha256": found.sha256, "rows": found.rows, "used": len(found.outcomes)}
    rejected = [
        {"reason": f"rows {reason}", "count": count, "first_line": found.first_lines[reason]}
        for reason, count in found.rejected.items()
    ]
    numbers: dict[str, Any] = _rounded({**whole, **days, "model": model})
    return {"file": {**file, "rejected": rejected}, "history_as_of": as_of, **numbers}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return round(value, 5) if isinstance(value, float) else value


def _print_evaluation(found: "NoShowFile", result: "Evaluation", as_of: str) -> None:
    from services.availability.cli.evaluation import print_tables

    print_tables(found, result, as_of)
