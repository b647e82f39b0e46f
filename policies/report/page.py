"""The report as one page: nothing is fetched, it prints, and it reads without its script (which only filters)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
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
        **content,
        header=header,
        words=WORDS,
        services=services,
        rows=rows,
        rules=list(_by_rule(content)),
        tables={name: _table(text) for name, text in content["access"].items()},
    )


def _by_rule(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every rule with what it says of each resource, alike resources of several stacks in one line."""
    waived = {(one["rule"], one["stack"], one["urn"]) for one in content["waived"]}
    rules: dict[str, dict[tuple[str, ...], list[str]]] = {}
    left_out: Counter[str] = Counter()
    for one in content["findings"]:
        lines = rules.setdefault(one["rule"], {})
        if one["verdict"] == "not-applicable":
            left_out[one["rule"]] += 1
            continue
        verdict = "waived" if (one["rule"], one["stack"], one["urn"]) in waived else one["verdict"]
        key = (verdict, _service(one["type"]), one["name"], f"{one['file']}:{one['line']}", one["message"])
        lines.setdefault(key, []).append(one["stack"])
    titles = {e["reference"]: e.get("title", "") for c in content["controls"] for e in c["evidence"]}
    for rule, lines in sorted(rules.items()):
        ordered = sorted(lines.items(), key=lambda line: (SHOWN.index(line[0][0]), line[0]))
        yield {
            "id": rule,
            "title": titles.get(rule, ""),
            "counts": Counter(key[0] for key, stacks in lines.items() for _ in stacks),
            "left_out": left_out[rule],
            "lines": [{"key": key, "stacks": stacks} for key, stacks in ordered],
        }


def _table(text: str) -> dict[str, Any]:
    """Return a table that tests wrote as text: the names of its columns, and rows of a name and an answer a role."""
    lines = text.splitlines()
    head = lines[0].split() if lines else []
    return {"head": head, "rows": [line.rsplit(maxsplit=len(head) - 1) for line in lines[1:]]}


def _service(type_: str) -> str:
    """Return what a type belongs to: an AWS service, or what is judged as a whole (a stack)."""
    provider, _, rest = type_.partition(":")
    if provider == "pulumi":
        return "stack"
    return rest.partition(":")[0].partition("/")[0] if provider == "aws" else provider


def _cell(types: Mapping[str, Mapping[str, int]], service: str) -> dict[str, Any]:
    counts = dict.fromkeys(SHOWN, 0)
    for type_, verdicts in types.items():
        if _service(type_) == service:
            for verdict, number in verdicts.items():
                counts[verdict] += number
    worst = next((verdict for verdict in SHOWN if counts[verdict]), "")
    return {"worst": worst, "counts": counts}
