"""What a bench leaves: a table for people, a record for programs, a picture for the documentation."""

from __future__ import annotations

import json
import platform
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from typing import Any

from rich.table import Table

from services.local.bench.figures import Figure
from services.local.bench.picture import picture

HERE = Path(__file__).parent


def record(figures: Sequence[Figure], kept: Mapping[str, Any], *, quick: bool, parts: Sequence[str]) -> dict[str, Any]:
    """Return JSON-ready: the command that repeats it, of which commit, when and on what, its rows and what was kept."""
    words = ["careslot", "bench", *(["--quick"] if quick else []), *(f"--part={part}" for part in parts)]
    return {
        "command": shlex.join(words),
        "commit": _commit(),
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": cpu_count(), "memory_gib": _memory_gib(), "python": platform.python_version()},
        "rows": [figure.told() for figure in figures],
        "kept": dict(kept),
    }


def table(figures: Sequence[Figure]) -> Table:
    """Return the rows as a table for a terminal."""
    made = Table("part", "what", "value", "", "target", "met")
    for figure in figures:
        met = "" if figure.met is None else "yes" if figure.met else f"[red]no[/]{_how_far(figure)}"
        made.add_row(figure.part, figure.name, f"{figure.value:g}", figure.unit, figure.target, met)
    return made


def _how_far(figure: Figure) -> str:
    return "" if figure.reach is None else f", {figure.reach:g} of it"


def missed(figures: Sequence[Figure]) -> list[str]:
    """Return a line for each missed target whose reason is known."""
    return [f"{figure.part}, {figure.name}: {figure.why}" for figure in figures if figure.why]


def write(folder: Path, taken: Mapping[str, Any]) -> list[Path]:
    """Write ``bench.json`` and ``bench.svg`` into ``folder``, which is made; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data, drawn = folder / "bench.json", folder / "bench.svg"
    data.write_text(json.dumps(taken, indent=2) + "\n", encoding="utf-8")
    drawn.write_text(picture(taken), encoding="utf-8")
    return [data, drawn]


def _commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def _memory_gib() -> int:
    with Path("/proc/meminfo").open(encoding="ascii") as told:
        kibibytes = int(told.readline().split()[1])
    return round(kibibytes / 1024**2)
