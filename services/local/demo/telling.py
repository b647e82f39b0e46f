"""How the story reads at a terminal: one line a step, one line an event, none wider than eighty columns."""

from __future__ import annotations

import json
import textwrap
import threading
import time
from typing import Any

from rich.console import Console

from services.local.demo.tap import Heard

WIDTH = 80
SHOWN = ("status", "kind", "channel", "language", "reason", "lane")


class Telling:
    """Prints steps, what they saw, and events as they come; ``machine`` prints JSON lines instead."""

    def __init__(self, *, machine: bool = False, console: Console | None = None) -> None:
        self._machine = machine
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._number = 0

    def step(self, title: str) -> None:
        """Begin a step."""
        self._number += 1
        self._print("step", f"\n{self._number:2}. {title}", "bold", number=self._number, title=title)

    def saw(self, text: str) -> None:
        """Say what a step saw."""
        self._print("saw", f"    {text}", None, said=text)

    def heard(self, event: Heard) -> None:
        """Say that an event came, how long after its commit, and what may be shown of it."""
        facts = {name: event.data[name] for name in SHOWN if event.data.get(name) not in {None, ""}}
        words = " ".join(str(value) for name, value in facts.items() if name != "lane")
        # A reminder sent as of its due time carries that time.
        after = f"{event.milliseconds:5.0f} ms" if event.milliseconds > -1000 else "(ahead)"
        line = f"    event  {event.type.removesuffix('.v1'):<32} {words:<26}{after:>9}"
        self._print("event", line, "cyan", type=event.type, milliseconds=round(event.milliseconds, 1), facts=facts)

    def failed(self, title: str, why: str) -> None:
        """Say which step failed and what was seen instead."""
        self._print("failed", f"\nfailed at: {title}\n    {why}", "red", title=title, why=why)

    def ended(self, steps: int, events: int) -> None:
        """Say that the story is over."""
        seconds = time.monotonic() - self._started
        text = f"\n{steps} steps, {events} events, {seconds:.1f} s: the whole story held."
        self._print("ended", text, "green", steps=steps, events=events, took=round(seconds, 2))

    def _print(self, event: str, text: str, style: str | None, **fields: Any) -> None:
        with self._lock:
            if self._machine:
                seconds = round(time.monotonic() - self._started, 3)
                print(json.dumps({"event": event, "seconds": seconds, **fields}), flush=True)
                return
            for line in text.split("\n"):
                wrapped = textwrap.wrap(line, WIDTH, subsequent_indent="    ", drop_whitespace=False) or [""]
                for part in wrapped:
                    self._console.print(part, style=style, markup=False)
