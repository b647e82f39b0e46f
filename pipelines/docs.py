"""`careslot docs`: the parts of the README that repeat facts are written from the facts, so that they cannot go stale.

A part stands between `<!-- NAME: ... -->` and `<!-- /NAME -->`; what lies between is replaced, the rest is prose.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import typer

from services.contracts.catalogue import load_catalogue
from services.contracts.events import EVENTS
from services.contracts.topology import DIRECT_QUEUES, SCHEDULES, SUBSCRIPTIONS, UNCONSUMED
from services.kernel.errors import Invalid

README = Path(__file__).resolve().parents[1] / "README.md"


def services_table() -> str:
    """Return the catalogue as a Markdown table."""
    rows = [
        f"| **{s.name}** | {s.summary} | {s.without} | {s.runs_on.upper()} | {s.port} |"
        for s in load_catalogue().values()
    ]
    return "\n".join(["| service | owns | without it | runs on | port |", "|---|---|---|---|---|", *rows])


def events_table() -> str:
    """Return every event with its publisher and the queues that take it."""
    takers: dict[str, list[str]] = defaultdict(list)
    for subscription in SUBSCRIPTIONS:
        for event in subscription.events:
            takers[event.TYPE].append(f"`{subscription.queue}`")
    reasons = {event.TYPE: f"nobody: {reason}" for event, reason in UNCONSUMED.items()}
    rows = [
        f"| `{name}` | {', '.join(takers[name]) or reasons.get(name, '')} | {'yes' if EVENTS[name].PHI else 'no'} |"
        for name in sorted(EVENTS)
    ]
    return "\n".join(["| event | taken by | PHI |", "|---|---|---|", *rows])


def service_map() -> str:
    """Return a Mermaid picture of calls (solid) and events (dotted, through EventBridge and a queue each)."""
    catalogue = load_catalogue()
    calls = [f"  {s.name} -->|HTTP| {callee}" for s in catalogue.values() for callee in s.calls]
    flows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for subscription in SUBSCRIPTIONS:
        for event in subscription.events:
            publisher, _, rest = event.TYPE.partition(".")
            flows[publisher, subscription.queue].append(rest)
    events = [f"  {publisher} -.-> {queue}[[{queue}]]" for publisher, queue in flows]
    queues = [
        f"  {subscription.queue} -.->|{'Lambda' if subscription.runs == 'lambda' else 'polls'}| {subscription.service}"
        for subscription in SUBSCRIPTIONS
    ]
    for direct in DIRECT_QUEUES:
        senders = " & ".join(s.name for s in catalogue.values() if s.database is not None)
        queues += [
            f"  {senders} -.-> {direct.queue}[[{direct.queue}]]",
            f"  {direct.queue} -.->|polls| {direct.service}",
        ]
    clocks = [f'  {s.name}(["{s.expression}"]) -.-> {s.service}' for s in SCHEDULES]
    nodes = ["  gateway([one address])", *(f"  {name}[({name})]" for name in catalogue)]
    doors = [f"  gateway --> {name}" for name in catalogue]
    return "\n".join(["```mermaid", "flowchart LR", *nodes, *doors, *calls, *events, *queues, *clocks, "```"])


PARTS: dict[str, Callable[[], str]] = {"services": services_table, "events": events_table, "map": service_map}


def rendered(text: str) -> str:
    """Return ``text`` with each part replaced by what the facts say now; raise Invalid when a part has no place."""
    for name, part in PARTS.items():
        pattern = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
        content = part()
        text, found = pattern.subn(lambda m, content=content: f"{m[1]}\n{content}\n\n{m[2]}", text)  # type: ignore[misc]
        if found != 1:
            raise Invalid(
                f"README.md has {found} places for '{name}', it needs one: <!-- {name}: ... --> <!-- /{name} -->"
            )
    return text


def register(app: typer.Typer) -> None:
    """Add `careslot docs write` and `careslot docs check`."""
    docs = typer.Typer(
        help="Write the generated parts of the README, or check that they are fresh.", no_args_is_help=True
    )
    app.add_typer(docs, name="docs")

    @docs.command()
    def write(file: Path = typer.Option(README, help="The document to write into.")) -> None:
        """Write the generated parts."""
        file.write_text(rendered(_read(file)), "utf-8")

    @docs.command()
    def check(file: Path = typer.Option(README, help="The document to check.")) -> None:
        """Exit 1 when a generated part is stale."""
        text = _read(file)
        if rendered(text) != text:
            typer.echo(f"{file.name} is stale: run `careslot docs write`", err=True)
            raise typer.Exit(1)


def _read(file: Path) -> str:
    if not file.is_file():
        raise Invalid(f"{file} is not a file")
    return file.read_text("utf-8")
