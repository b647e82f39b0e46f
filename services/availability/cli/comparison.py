"""How a comparison of ways to fill a day looks on a terminal and as data."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from services.availability.usecases.slotting_simulation import NAMES, Comparison

FIXED, ADAPTIVE = "fixed template", "adaptive"
# name of the figure: how it is called, and how many decimals; parts are shown in percent
TITLES = {
    "utilisation": ("utilisation, %", 100, 1),
    "unused_slots": ("unused slots a clinician-day", 1, 2),
    "patients_seen": ("patients seen a clinician-day", 1, 2),
    "wait_mean": ("wait, mean min", 1, 1),
    "wait_p90": ("wait, p90 min", 1, 1),
    "worst_group_wait": ("wait of the worst group, min", 1, 1),
    "overtime": ("overtime, min a clinician-day", 1, 1),
    "urgent_turned_away": ("urgent turned away, %", 100, 1),
    "planned_turned_away": ("planned turned away, %", 100, 1),
}


def print_tables(result: Comparison) -> None:
    """Print one table of all policies, mean and deviation over the seeds, and the two promises seed by seed."""
    console = Console(highlight=False)
    clinic = result.clinic
    console.print(
        f"{clinic.clinicians} clinicians, {clinic.days} days, {len(result.seeds)} seeds, "
        f"urgent demand x{clinic.surge:g}; mean ± deviation over the seeds",
        soft_wrap=True,
    )
    table = Table("")
    for policy in result.figures:
        table.add_column(policy, justify="right")
    for name, (title, factor, decimals) in TITLES.items():
        cells = []
        for policy in result.figures:
            middle, spread = result.spread(policy, name)
            cells.append(f"{middle * factor:.{decimals}f} ± {spread * factor:.{decimals}f}")
        table.add_row(title, *cells)
    console.print(table)
    for promise in promises(result):
        console.print(f"{promise['promise']}: {promise['seeds_kept']} of {promise['seeds']} seeds", soft_wrap=True)


def promises(result: Comparison) -> list[dict[str, Any]]:
    """Return on how many seeds adaptive slotting kept what it is for, against fixed templates."""
    told = {
        "unused_slots": "adaptive leaves no more slots unused than fixed templates",
        "worst_group_wait": "the worst group waits no longer than with fixed templates",
    }
    return [
        {"promise": text, "seeds_kept": result.better(ADAPTIVE, FIXED, name), "seeds": len(result.seeds)}
        for name, text in told.items()
    ]


def as_data(result: Comparison) -> dict[str, Any]:
    """Return parameters, every figure by seed, mean and deviation, and the promises."""
    return {
        "clinic": asdict(result.clinic),
        "seeds": list(result.seeds),
        "policies": {
            policy: {
                "by_seed": [{name: round(float(getattr(one, name)), 4) for name in NAMES} for one in figures],
                "mean": {name: round(result.spread(policy, name)[0], 4) for name in NAMES},
                "deviation": {name: round(result.spread(policy, name)[1], 4) for name in NAMES},
            }
            for policy, figures in result.figures.items()
        },
        "promises": promises(result),
    }
