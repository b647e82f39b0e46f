"""How an evaluation of the no-show model looks on a terminal."""

from rich.console import Console
from rich.table import Table

from services.availability.adapters.noshow_file import NoShowFile
from services.availability.usecases.noshow_evaluation import WITH_HISTORY, Evaluation, Score

GOAL = 0.75  # evidence: reviews find 0.75 to 0.85 honest


def print_tables(found: NoShowFile, result: Evaluation, as_of: str) -> None:
    """Print what was read, the scores beside their baselines, calibration and groups."""
    console = Console(highlight=False)
    console.print(f"{found.name}: {found.rows} rows, {len(found.outcomes)} used", markup=False)
    for reason, count in found.rejected.items():
        told = f"  left out: {count} rows {reason} (first: line {found.first_lines[reason]})"
        console.print(told, markup=False, soft_wrap=True)
    if result.trained_days:
        first, last = result.trained_days
        console.print(f"trained on {result.trained_on} visits from {first} to {last}")
    else:
        console.print(f"trained nothing: scored the model {result.model.version}", markup=False)
    first, last = result.scored_days
    console.print(f"scored on {result.whole.visits} visits from {first} to {last}; history as of the {as_of}\n")
    console.print(_scores(result))
    console.print(f"\ncalibration error {result.calibration_error:.3f} (mean distance of the tenths below)")
    console.print(_calibration(result))
    if result.by_history:
        console.print(_histories(result, as_of))
    for dimension, groups in result.groups.items():
        console.print(_groups(dimension, dict(groups)))
    if result.with_history and (result.with_history.auc or 0) < GOAL:
        known = result.by_history.get(WITH_HISTORY)
        console.print(
            f"AUC where history exists is {_number(result.with_history.auc)}"
            f"{f' (95 %: {_interval(known.auc_interval)})' if known else ''}, below the goal of {GOAL}: this data has "
            "few weeks of history, and the model leaves out age, sex and illness on purpose.",
            soft_wrap=True,
        )


def _scores(result: Evaluation) -> Table:
    table = Table("scored on the later days", title="How well risks fit outcomes", title_justify="left")
    for heading in ("visits", "missed", "predicted", "AUC", "Brier", "slope", "intercept"):
        table.add_column(heading, justify="right")
    rows = [
        ("model", result.whole),
        ("lead time alone", result.lead_time_alone),
        ("base rate", result.base_rate),
        ("model, where history exists", result.with_history),
        ("lead time alone, there", result.with_history_lead_time_alone),
    ]
    for name, score in rows:
        if score:
            table.add_row(name, *_columns(score))
    return table


def _calibration(result: Evaluation) -> Table:
    table = Table("tenth by risk", title="Calibration", title_justify="left")
    for heading in ("visits", "predicted", "missed"):
        table.add_column(heading, justify="right")
    for number, one in enumerate(result.bins, 1):
        table.add_row(str(number), str(one.visits), f"{one.predicted:.3f}", f"{one.missed:.3f}")
    return table


def _histories(result: Evaluation, as_of: str) -> Table:
    table = Table(
        "earlier", title=f"By history as of the {as_of}: AUC, gain on lead time alone, calibration error",
        title_justify="left",
    )  # fmt: skip
    for heading in ("visits", "AUC", "95 %", "gain", "95 %", "error"):
        table.add_column(heading, justify="right")
    for name, known in result.by_history.items():
        table.add_row(
            name, str(known.score.visits), _number(known.score.auc), _interval(known.auc_interval),
            _number(known.gain), _interval(known.gain_interval), f"{known.calibration_error:.3f}",
        )  # fmt: skip
    return table


def _groups(dimension: str, groups: dict[str, Score]) -> Table:
    table = Table("group", title=f"By {dimension} (not a feature)", title_justify="left")
    for heading in ("visits", "missed", "predicted", "AUC", "Brier", "slope", "intercept"):
        table.add_column(heading, justify="right")
    for name, score in groups.items():
        table.add_row(name, *_columns(score))
    return table


def _columns(score: Score) -> tuple[str, ...]:
    return (
        str(score.visits), f"{score.missed:.3f}", f"{score.predicted:.3f}", _number(score.auc), f"{score.brier:.4f}",
        _number(score.slope), _number(score.intercept),
    )  # fmt: skip


def _interval(value: tuple[float, float] | None) -> str:
    return "-" if value is None else f"{value[0]:.3f}, {value[1]:.3f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
