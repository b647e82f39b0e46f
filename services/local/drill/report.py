"""How a drill reads: the promise table with what was measured, and the requests by kind behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from services.contracts.catalogue import catalogue
from services.local.drill.observations import PHASES, Outage
from services.local.drill.promises import judge


def broken(outages: Sequence[Outage]) -> list[str]:
    """Return a line for each promise that was not kept: the service, the promise, the evidence."""
    return [
        f"{outage.service}: {promise.says}: {judged.measured}"
        for outage in outages
        for promise, judged in judge(outage)
        if not judged.kept
    ]


def as_json(outages: Sequence[Outage]) -> dict[str, Any]:
    """Return everything that was measured and judged, JSON-ready."""
    return {"kept": not broken(outages), "broken": broken(outages), "services": [_of(outage) for outage in outages]}


def _of(outage: Outage) -> dict[str, Any]:
    line = outage.timeline
    return {
        "service": outage.service,
        "without": catalogue()[outage.service].without,
        "seconds": {
            "down": round(line.started - line.killed, 1), "recovery": round(line.recovery, 1),
            "catching_up": round(line.catching_up, 1),
        },
        "promises": [
            {"promise": promise.says, "kept": judged.kept, "measured": judged.measured}
            for promise, judged in judge(outage)
        ],
        "counts": dict(outage.counts),
        "requests": [
            {
                "service": service, "kind": kind, "ratio": _ratio(outage, kind),
                **{phase: asdict(outage.kind(kind, phase)) for phase in PHASES},
            }
            for service, kind in outage.kinds()
        ],
    }  # fmt: skip


def show(outages: Sequence[Outage], console: Console) -> None:
    """Print both tables for people."""
    table = Table("without", "promise", "", "measured", title="What goes on without each service")
    for outage in outages:
        for number, (promise, judged) in enumerate(judge(outage)):
            verdict = "[green]kept[/]" if judged.kept else "[bold red]BROKEN[/]"
            table.add_row("" if number else outage.service, promise.says, verdict, judged.measured)
        table.add_section()
    console.print(table)
    for outage in outages:
        console.print(_requests(outage))


def _requests(outage: Outage) -> Table:
    columns = ["asked", *(f"{phase}: n / failed / p50 ms" for phase in PHASES), "ratio"]
    table = Table(*columns, title=f"Requests while {outage.service} was down")
    for service, kind in outage.kinds():
        cells = [outage.kind(kind, phase) for phase in PHASES]
        told = [f"{cell.count} / {cell.failed} / {cell.p50_ms:.0f}" for cell in cells]
        style = "dim" if service == outage.service else None
        table.add_row(f"{service}: {kind}", *told, _ratio(outage, kind), style=style)
    return table


def _ratio(outage: Outage, kind: str) -> str:
    """Return the median during the outage over the one before, "" where there is none."""
    before, during = outage.kind(kind, "before").p50_ms, outage.kind(kind, "during").p50_ms
    return f"{during / before:.2f}" if before and during else ""
