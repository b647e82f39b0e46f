"""The report as one page: nothing is fetched, it prints, and it reads without its script (which only filters)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
# What a cell of the matrix counts, gravest first.
SHOWN = ("fail", "unknown", "waived", "pass")
WORDS = {
    "fail": "fails",
    "waived": "waived",
    "cannot-tell": "cannot tell",
    "partly": "shown in part",
    "pass": "shown",
    "not-run": "not run",
    "not-applicable": "nothing to judge",
    "inherited": "inherited from AWS",
    "organisational": "organisational",
    "not-covered": "not covered",
}


def page(content: Mapping[str, Any], header: Mapping[str, str]) -> str:
    """Return the HTML of a report."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    services = sorted({_service(type_) for row in content["matrix"] for type_ in row["types"]})
    rows = [{**row, "cells": [_cell(row["types"], service) for service in services]} for row in content["matrix"]]
    return environment.get_template("report.html.j2").render(
        **content, header=header, words=WORDS, services=services, rows=rows
    )


def _service(type_: str) -> str:
    provider, _, rest = type_.partition(":")
    return rest.partition(":")[0].partition("/")[0] if provider == "aws" else provider


def _cell(types: Mapping[str, Mapping[str, int]], service: str) -> dict[str, Any]:
    counts = dict.fromkeys(SHOWN, 0)
    for type_, verdicts in types.items():
        if _service(type_) == service:
            for verdict, number in verdicts.items():
                counts[verdict] += number
    worst = next((verdict for verdict in SHOWN if counts[verdict]), "")
    return {"worst": worst, "counts": counts}
