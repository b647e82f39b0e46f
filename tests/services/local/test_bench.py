"""What measurements are made of: figures with targets, work at once and at a steady pace."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console

from services.local.bench import telling
from services.local.bench.clients import AT_ONCE, at_once, steadily
from services.local.bench.figures import Figure, at_least, at_most, exactly
from services.local.bench.parts import Part
from services.local.bench.running import Run
from services.local.progress import Progress


def test_figures_say_whether_their_target_was_met() -> None:
    assert at_most("http", "search", 12.345, "ms", 15) == Figure("http", "search", 12.35, "ms", "<= 15", True, 1.22)
    assert at_most("http", "search", 15.1, "ms", 15).met is False
    assert (exactly("x", "twice", 0, "slots", 0).met, exactly("x", "twice", 1, "slots", 0).met) == (True, False)
    assert Figure("http", "searches", 9, "a second").told()["met"] is None


def test_a_missed_target_says_how_far_and_why(tmp_path: Path) -> None:
    far = at_least("booking", "clinics", 0.5, "", 2).because("it writes more")
    near = at_least("booking", "bookings", 0.7, "", 0.6).because("it never is")
    assert telling.missed([far, near]) == ["booking, clinics: it writes more"]
    console = Console(width=120, record=True, file=(tmp_path / "table").open("w"))
    console.print(telling.table([far, near]))
    assert "no, 0.25 of it" in console.export_text()


async def test_no_more_at_once_than_said_and_in_order() -> None:
    now, most = 0, 0

    async def one(number: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        return number

    results, _ = await at_once([partial(one, number) for number in range(3 * AT_ONCE)])
    assert results == list(range(3 * AT_ONCE))
    assert most == AT_ONCE


async def test_a_steady_pace_does_not_wait_for_answers() -> None:
    begun = asyncio.Barrier(4)

    async def waits_for_the_others() -> int:
        return await begun.wait()

    async with asyncio.timeout(30):
        assert sorted(await steadily([waits_for_the_others] * 4, 0.1)) == [0, 1, 2, 3]


def test_a_bench_leaves_its_rows_and_a_picture_of_them(tmp_path: Path) -> None:
    rows = [at_most("search", "memory", 0.4, "ms", 1), at_least("booking", "ratio", 0.5, "", 0.6)]
    calm, rush = (
        {"times": times, "offered": 50 * times, "goodput": 50, "p99_ms": 9.0 * times} for times in (1, 3)
    )  # fmt: skip
    curve = {"sustained": 50, "rounds": [[calm, rush, calm], [calm, rush | {"goodput": 60}]]}
    taken = telling.record(rows, {"overload-curve": curve}, quick=True, parts=["search", "booking"])
    data, drawn = telling.write(tmp_path / "new", taken)
    kept = json.loads(data.read_text())
    assert kept["command"] == "careslot bench --quick --part=search --part=booking"
    assert [(row["name"], row["met"], row["reach"]) for row in kept["rows"]] == [
        ("memory", True, 2.5), ("ratio", False, 0.83),
    ]  # fmt: skip
    root = ElementTree.fromstring(drawn.read_text())
    shown = " ".join("".join(text.itertext()) for text in root.iter() if text.tag.endswith("text"))
    assert "2.50 (0.4 ms)" in shown
    assert "0.83 (0.5)" in shown
    assert "requests offered a second" in shown


def test_every_part_is_a_module_that_measures() -> None:
    for part in Part:
        module = import_module(f"services.local.bench.{part.replace('-', '_')}")
        assert callable(module.measure)
        assert module.PART


def test_a_run_removes_what_it_made_and_sizes_follow_it(tmp_path: Path) -> None:
    with Run(tmp_path, Progress(), quick=True) as run:
        made = run.folder("x")
        assert made.is_dir()
        assert made != run.folder("x")
        assert run.size(100, 7) == 7
    assert not made.exists()
