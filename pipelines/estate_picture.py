"""A picture of the estate, drawn from the recorded graphs as plain SVG: what stands where, holds PHI, is public.

A box is a component. Its stripe says the most sensitive data it holds; what it uses of other components is written in
it, because arrows between forty boxes show nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from infra.recording.exposure import exposed
from infra.recording.graph import OURS, STACK_TYPE, Graph, Resource

BOX, GAP, LINE, PAD = 290, 14, 17, 12
TITLE = 34
COLUMNS = {"foundation": 6, "region": 3, "cluster": 3, "routing": 6}
MOST_TYPES = 6
COLOURS = {"phi": "#b3261e", "internal": "#1f5fa8", "public": "#2e7d32", "": "#8a8f98"}
MEANING = {"phi": "holds or carries PHI", "internal": "internal", "public": "public data", "": "holds no data"}


@dataclass(frozen=True, slots=True)
class Box:
    """What is written in a component's box; ``open_ways`` are the ways in which the internet reaches it."""

    name: str
    kind: str
    data_class: str
    lines: tuple[str, ...]
    uses: str
    open_ways: tuple[str, ...]

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return PAD * 2 + LINE * (2 + len(self.lines) + bool(self.uses) + len(self.open_ways))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A finished part of the picture and the room it takes."""

    svg: str
    width: int
    height: int


def picture(graphs: Sequence[Graph]) -> str:
    """Return the estate as SVG: an environment below the other, a stack a frame, the regions side by side."""
    environments = list(dict.fromkeys(graph.environment for graph in graphs))
    bands = [_environment(name, [g for g in graphs if g.environment == name]) for name in environments]
    body, height = _down([_legend(), *bands])
    width = max(band.width for band in bands) + 2 * GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="12" role="img" aria-label="The estate of Careslot">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{body}</svg>\n'
    )


def boxes(graph: Graph) -> list[Box]:
    """Return the boxes of a stack: one for each component that stands in no other."""
    roots = {resource.urn: resource for resource in graph.resources if resource.component and _top(resource, graph)}
    owner = {inner.urn: root for root in roots.values() for inner in graph.within(root)}
    ways = {resource.urn: how for resource, how in exposed(graph)}
    return [_box(root, graph, owner, ways) for root in roots.values()]


def _top(resource: Resource, graph: Graph) -> bool:
    parent = graph.by_urn.get(resource.parent)
    return resource.type.startswith(OURS) and (parent is None or parent.type == STACK_TYPE)


def _box(root: Resource, graph: Graph, owner: dict[str, Resource], ways: dict[str, str]) -> Box:
    made = [inner for inner in graph.within(root) if not inner.component]
    counts = Counter(_short(inner.type) for inner in made).most_common()
    lines = [f"{count} × {what}" for what, count in counts[:MOST_TYPES]]
    if len(counts) > MOST_TYPES:
        lines.append(f"and {len(counts) - MOST_TYPES} other types")
    used = {
        owner[other.urn].name
        for inner in made
        for other in graph.mentioned(inner)
        if other.urn in owner and owner[other.urn] is not root
    }
    classes = {inner.data_class for inner in made}
    return Box(
        name=root.name,
        kind=root.type.rpartition(":")[2],
        data_class=next((known for known in ("phi", "internal", "public") if known in classes), ""),
        lines=tuple(lines),
        uses=f"uses {', '.join(sorted(used))}" if used else "",
        open_ways=tuple(sorted({ways[inner.urn] for inner in made if inner.urn in ways})),
    )


def _short(type_: str) -> str:
    package, module, name = type_.split(":")
    return f"{module.partition('/')[0]} {name}" if package == "aws" else f"{package} {name}"


def _environment(name: str, graphs: Iterable[Graph]) -> Drawn:
    by_layer: dict[str, list[Graph]] = {}
    for graph in graphs:
        by_layer.setdefault("region" if graph.layer in {"region", "cluster"} else graph.layer, []).append(graph)
    regions: dict[str, list[Graph]] = {}
    for graph in by_layer.get("region", []):
        regions.setdefault(graph.region, []).append(graph)
    columns = [_stacked([_stack(graph) for graph in of]) for of in regions.values()]
    rows = [_stack(graph) for graph in by_layer.get("foundation", [])]
    if columns:
        rows.append(_across(columns))
    rows += [_stack(graph) for graph in by_layer.get("routing", [])]
    return _stacked([_text(name, 22, "#1b1b1f"), *rows])


def _stack(graph: Graph) -> Drawn:
    found = boxes(graph)
    columns: list[list[Box]] = [[] for _ in range(max(1, min(COLUMNS[graph.layer], len(found))))]
    for box in found:
        min(columns, key=lambda column: sum(other.height + GAP for other in column)).append(box)
    parts: list[str] = []
    tallest = 0
    for number, column in enumerate(columns):
        top = TITLE
        for box in column:
            parts.append(_drawn_box(box, GAP + number * (BOX + GAP), top))
            top += box.height + GAP
        tallest = max(tallest, top)
    # Wide enough for its heading even where a stack holds nothing.
    width, height = GAP + len(columns) * (BOX + GAP), max(tallest, TITLE + GAP)
    frame = (
        f'<rect width="{width}" height="{height}" rx="8" fill="#f4f5f8" stroke="#c4c7cf"/>'
        f'<text x="{GAP}" y="22" font-weight="bold" font-size="14" fill="#1b1b1f">{escape(graph.stack)}'
        f'<tspan font-weight="normal" fill="#5a5f6a">  {escape(graph.region)} · '
        f"{sum(graph.counts().values())} resources</tspan></text>"
    )
    return Drawn(frame + "".join(parts), width, height)


def _drawn_box(box: Box, left: int, top: int) -> str:
    colour = COLOURS[box.data_class]
    words = [
        _line(box.name, 1, bold=True),
        _line(box.kind, 2, colour="#5a5f6a"),
        *(_line(line, number) for number, line in enumerate(box.lines, 3)),
    ]
    below = 3 + len(box.lines)
    if box.uses:
        words.append(_line(_cut(box.uses), below, colour="#5a5f6a"))
    words += [
        _line(f"⚠ {_cut(way)}", below + bool(box.uses) + n, colour="#8a4b00") for n, way in enumerate(box.open_ways)
    ]
    told = escape("; ".join(part for part in (box.uses, *box.open_ways) if part) or MEANING[box.data_class])
    return (
        f'<g transform="translate({left},{top})"><title>{told}</title>'
        f'<rect width="{BOX}" height="{box.height}" rx="5" fill="#ffffff" stroke="#d5d8de"/>'
        f'<rect width="6" height="{box.height}" rx="2" fill="{colour}"/>{"".join(words)}</g>'
    )


def _line(text: str, number: int, *, bold: bool = False, colour: str = "#1b1b1f") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="18" y="{PAD + number * LINE - 4}"{weight} fill="{colour}">{escape(text)}</text>'


def _cut(text: str, longest: int = 42) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _legend() -> Drawn:
    words = [
        f'<rect x="{number * 190}" y="2" width="12" height="12" fill="{COLOURS[kind]}"/>'
        f'<text x="{number * 190 + 18}" y="12" fill="#1b1b1f">{MEANING[kind]}</text>'
        for number, kind in enumerate(COLOURS)
    ]
    reached = f'<text x="{len(COLOURS) * 190}" y="12" fill="#8a4b00">⚠ reached from the internet</text>'
    return Drawn("".join(words) + reached, len(COLOURS) * 190 + 200, 18)


def _text(text: str, size: int, colour: str) -> Drawn:
    svg = f'<text y="{size}" font-size="{size}" font-weight="bold" fill="{colour}">{escape(text)}</text>'
    return Drawn(svg, 0, size + 6)


def _stacked(parts: Sequence[Drawn]) -> Drawn:
    svg, height = _down(parts, margin=0)
    return Drawn(svg, max(part.width for part in parts), height)


def _across(parts: Sequence[Drawn]) -> Drawn:
    svg, left = [], 0
    for part in parts:
        svg.append(f'<g transform="translate({left},0)">{part.svg}</g>')
        left += part.width + GAP
    return Drawn("".join(svg), left - GAP, max(part.height for part in parts))


def _down(parts: Sequence[Drawn], margin: int = GAP) -> tuple[str, int]:
    svg, top = [], margin
    for part in parts:
        svg.append(f'<g transform="translate({margin},{top})">{part.svg}</g>')
        top += part.height + GAP
    return "".join(svg), top - GAP + margin
