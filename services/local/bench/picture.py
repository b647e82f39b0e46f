"""A picture of a bench: how near every row came to its target, and what overload did to what was accepted.

The curve is what the part "overload" kept as ``overload-curve``: rounds of objects with ``times`` the sustained rate,
``offered`` and ``goodput`` in requests a second and ``p99_ms`` of what was accepted. Medians of the rounds are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any

import pygal
from pygal.style import Style

WIDTH, BAR, HEAD, CURVE = 1000, 26, 90, 420
MET, MISSED = "#2e7d32", "#b3261e"
# Twice as good as asked fills the width; the number beside the bar says by how much more.
MOST = 2.0
STYLE = Style(
    background="#ffffff", plot_background="#ffffff", colors=("#1f5fa8", "#b3261e"), font_family="Helvetica, Arial",
    label_font_size=12, title_font_size=15, legend_font_size=12, value_font_size=11,
)  # fmt: skip
PLAIN = {"js": [], "disable_xml_declaration": True, "style": STYLE, "no_prefix": True}


def picture(taken: Mapping[str, Any]) -> str:
    """Return the record of a bench as SVG, the charts one below the other."""
    charts = [_targets([row for row in taken["rows"] if row["reach"] is not None], _title(taken))]
    if curve := taken["kept"].get("overload-curve"):
        charts.append(_overload(_medians(curve["rounds"])))
    height = sum(tall for _, tall in charts)
    placed, top = [], 0
    for drawn, tall in charts:
        inner = drawn.replace("<svg ", f'<svg x="0" y="{top}" width="{WIDTH}" height="{tall}" ', 1)
        placed.append(inner)
        top += tall
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
    return f"{head}{''.join(placed)}</svg>\n"


def _title(taken: Mapping[str, Any]) -> str:
    machine = taken["machine"]
    return (
        f"{taken['command']} - {taken['taken_at'][:10]}, commit {taken['commit']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB. 1 is the target, more is better."
    )


def _targets(rows: Sequence[Mapping[str, Any]], title: str) -> tuple[str, int]:
    height = HEAD + BAR * len(rows)
    chart = pygal.HorizontalBar(
        width=WIDTH, height=height, title=title, show_legend=False, print_values=True, range=(0, MOST), **PLAIN
    )
    shown = list(reversed(rows))
    chart.x_labels = [f"{row['part']}: {row['name']}" for row in shown]
    chart.truncate_label = 60
    chart.add(
        "",
        [{"value": min(row["reach"], MOST), "color": MET if row["met"] else MISSED, "formatter": partial(_beside, row)}
         for row in shown],
    )  # fmt: skip
    return chart.render(is_unicode=True), height


def _beside(row: Mapping[str, Any], _drawn: float) -> str:
    return f"{row['reach']:.2f} ({row['value']:g} {row['unit']})".replace(" )", ")")


def _medians(rounds: Sequence[Sequence[Mapping[str, float]]]) -> list[dict[str, float]]:
    """Return a point for each pace, in order; one comes back to at the end of a round counts as well."""
    paces = sorted({one["times"] for told in rounds for one in told})
    same = {pace: [one for told in rounds for one in told if one["times"] == pace] for pace in paces}
    return [{key: median(one[key] for one in of) for key in ("offered", "goodput", "p99_ms")} for of in same.values()]


def _overload(points: Sequence[Mapping[str, float]]) -> tuple[str, int]:
    chart = pygal.XY(
        width=WIDTH, height=CURVE, title="Goodput in requests a second; dashed: p99 of what was accepted",
        x_title="requests offered a second", show_x_guides=True, include_x_axis=True, truncate_legend=-1,
        legend_at_bottom=True, **PLAIN,
    )  # fmt: skip
    chart.add("goodput", [(point["offered"], point["goodput"]) for point in points])
    chart.add(
        "p99 accepted, ms", [(point["offered"], point["p99_ms"]) for point in points if math.isfinite(point["p99_ms"])],
        secondary=True, stroke_style={"dasharray": "6, 4"},
    )  # fmt: skip
    return chart.render(is_unicode=True), CURVE
