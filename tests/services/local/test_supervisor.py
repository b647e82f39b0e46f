"""What dies comes back with growing pauses and a sentence; what is held stays stopped; the stop goes in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from services.local import supervisor as module
from services.local.child import CannotStart
from services.local.supervisor import Supervised, Supervisor, ended


class FakeProgram:
    """A program that runs until told otherwise; what happens to it is written into a shared story."""

    def __init__(self, name: str, story: list[str], *, dies_at_start: bool = False) -> None:
        self.name = name
        self.story = story
        self.code: int | None = 0
        self.starts = 0
        self.broken = False
        self.dies_at_start = dies_at_start

    def start(self) -> None:
        self.story.append(f"start {self.name}")
        self.starts += 1
        if self.broken:
            raise CannotStart("the disk is full")
        self.code = 1 if self.dies_at_start else None

    def stop(self) -> None:
        self.story.append(f"stop {self.name}")
        self.code = 143

    def poll(self) -> int | None:
        return self.code

    @property
    def pid(self) -> int | None:
        return 1 if self.code is None else None


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def story() -> list[str]:
    return []


async def test_restarts_what_was_killed_and_says_so(said: list[str], story: list[str]) -> None:
    supervisor = Supervisor(said.append)
    program = FakeProgram("booking", story)
    await supervisor.add(Supervised("booking", program))
    program.code = 137
    await eventually(lambda: bool(said))
    assert said[0].startswith("booking was killed by SIGKILL; restarted in ")
    assert supervisor.members[0].restarts == 1
    assert supervisor.members[0].state == "ready"
    await supervisor.stop()


async def test_what_has_to_be_done_again_is_done_after_the_restart(said: list[str], story: list[str]) -> None:
    supervisor = Supervisor(said.append)
    program = FakeProgram("emulator", story)

    async def restored() -> None:
        story.append("declared again")

    await supervisor.add(Supervised("emulator", program, restored=restored))
    program.code = 137
    await eventually(lambda: bool(said))
    assert story[-2:] == ["start emulator", "declared again"]
    await supervisor.stop()


async def test_goes_on_trying_when_a_restart_fails(said: list[str], story: list[str]) -> None:
    supervisor = Supervisor(said.append)
    program = FakeProgram("postgres", story)
    await supervisor.add(Supervised("postgres", program))
    program.broken, program.code = True, 1
    await eventually(lambda: bool(said))
    assert said[0] == "postgres ended with exit code 1 and cannot be restarted yet: the disk is full"
    program.broken = False
    await eventually(lambda: supervisor.members[0].state == "ready")
    await supervisor.stop()


async def test_a_program_that_dies_while_starting_stops_the_start(said: list[str], story: list[str]) -> None:
    async def never() -> str:
        return ""

    supervisor = Supervisor(said.append)
    with pytest.raises(CannotStart, match="booking ended with exit code 1 while starting"):
        await supervisor.add(Supervised("booking", FakeProgram("booking", story, dies_at_start=True), ready=never))
    await supervisor.stop()


async def test_who_came_up_before_its_neighbours_is_asked_again(said: list[str], story: list[str]) -> None:
    changes: list[str] = []
    answers = iter(["degraded", "degraded", "ready"])

    async def ready() -> str:
        return next(answers)

    supervisor = Supervisor(said.append, lambda: changes.append(supervisor.members[0].state))
    await supervisor.add(Supervised("portal", FakeProgram("portal", story), ready))
    assert supervisor.members[0].state == "degraded"
    await eventually(lambda: supervisor.members[0].state == "ready")
    assert changes[-1] == "ready"
    await supervisor.stop()


async def test_waits_until_it_is_ready(said: list[str], story: list[str]) -> None:
    answers = iter(["", "", "degraded"])

    async def ready() -> str:
        return next(answers)

    supervisor = Supervisor(said.append)
    await supervisor.add(Supervised("booking", FakeProgram("booking", story), ready=ready))
    assert supervisor.members[0].state == "degraded"
    await supervisor.stop()


async def test_a_held_program_stays_stopped_until_it_is_let_go(
    said: list[str], story: list[str], tmp_path: Path
) -> None:
    hold, told = tmp_path / "booking.stopped", list[bool]()

    async def held(stop: bool) -> None:
        told.append(stop)

    supervisor = Supervisor(said.append)
    program = FakeProgram("booking", story)
    await supervisor.add(Supervised("booking", program, hold=hold, held=held))
    hold.touch()
    await eventually(lambda: told == [True])
    await asyncio.sleep(3 * module.WATCH_SECONDS)
    assert program.starts == 1
    hold.unlink()
    await eventually(lambda: told == [True, False])
    assert program.starts == 2
    assert supervisor.members[0].restarts == 0
    await supervisor.stop()


async def test_stops_higher_ranks_first(said: list[str], story: list[str]) -> None:
    supervisor = Supervisor(said.append)
    for name, rank in (("postgres", 0), ("booking", 2), ("gateway", 3), ("emulator", 1)):
        await supervisor.add(Supervised(name, FakeProgram(name, story), rank=rank))
    story.clear()
    await supervisor.stop()
    assert story == ["stop gateway", "stop booking", "stop emulator", "stop postgres"]


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended with exit code 0"), (1, "ended with exit code 1"), (143, "was killed by SIGTERM"),
     (137, "was killed by SIGKILL"), (255, "ended with exit code 255")],
)  # fmt: skip
def test_says_how_a_program_ended(code: int, words: str) -> None:
    assert ended(code) == words
