"""Runs a stack's program against the recorder, in the deploy order of its environment."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import gc
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from traceback import extract_tb
from typing import Any, TypeVar, TypeVarTuple, Unpack

from pulumi.runtime import run_in_stack
from pulumi.runtime.mocks import set_mocks
from pulumi.runtime.settings import SETTINGS, set_root_resource

from environments.model import Environment, load_environment
from infra.assembly import assemble
from infra.recording.faults import faults_of
from infra.recording.graph import STACK_TYPE, Graph, Recording
from infra.recording.monitor import Recorder, Refusal, place_of
from infra.stacks import PROJECT, Stack, stacks_of
from services.kernel.errors import CareslotError, Invalid

Given = TypeVarTuple("Given")
Answer = TypeVar("Answer")
Program = Callable[[Stack, Environment], None]
Published = Mapping[str, Mapping[str, Any]]


def record_environment(
    environment: Environment, wanted: Iterable[Stack] | None = None, program: Program = assemble
) -> dict[str, Recording]:
    """Record stacks of an environment (all by default), each reading what those before it published.

    ``program`` stands in for the assembly in tests that plant a fault. The result has the wanted stacks only.
    """
    chosen = set(stacks_of(environment)) if wanted is None else set(wanted)
    needed = chosen | {below for stack in chosen for below in stack.reads}
    published: dict[str, Mapping[str, Any]] = {}
    recordings: dict[str, Recording] = {}
    for stack in stacks_of(environment):
        if stack not in needed:
            continue
        readable = {below.name: published[below.name] for below in stack.reads}
        resolved = run(stack, environment, readable, known=True, program=program)
        published[stack.name] = resolved.outputs
        if stack in chosen:
            unresolved = run(stack, environment, readable, known=False, program=program)
            both = Recording(resolved=resolved, unresolved=unresolved)
            recordings[stack.name] = dataclasses.replace(both, faults=faults_of(both, readable))
    return recordings


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: of the objects a program makes hardly one is any, and looking doubles the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Loop(asyncio.SelectorEventLoop):
    """Answers what the SDK asks of the engine at once: the recorder waits for nothing, and needs no other threads."""

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Given]], Answer], *args: *Given
    ) -> asyncio.Future[Answer]:
        """Call the function here and now."""
        answer: asyncio.Future[Answer] = self.create_future()
        try:
            answer.set_result(func(*args))
        except Exception as problem:  # raised where the answer is awaited
            answer.set_exception(problem)
        return answer


def record_named(environment: str, wanted: Iterable[Stack] | None = None) -> dict[str, Recording]:
    """Record an environment by its name: what a worker process is asked for."""
    return record_environment(load_environment(environment), wanted)


def run(
    stack: Stack, environment: Environment, published: Published, *, known: bool, program: Program = assemble
) -> Graph:
    """Run a program once and return what it registered; raise Invalid, with file and line, if the program fails.

    Each run has a thread, a context and an event loop of its own, because the SDK keeps its state in all three.
    """
    region = stack.region or environment.primary
    recorder = Recorder(environment, region, known=known, published=published)
    problems: list[BaseException] = []

    def within() -> None:
        loop = _Loop()
        asyncio.set_event_loop(loop)
        # What fails is raised once; the SDK's outputs that wait for it would each log it again.
        loop.set_exception_handler(lambda *_: None)
        try:
            # A run that failed leaves its waiting calls behind.
            SETTINGS.rpc_manager.clear()
            SETTINGS.outputs.clear()
            set_mocks(recorder.mocks, project=PROJECT, stack=stack.name, preview=not known, monitor=recorder)
            # The mocks bring a root of their own; the engine's way in makes one and registers its outputs.
            set_root_resource(None)  # type: ignore[arg-type]  # there is no other way to say "none"
            loop.run_until_complete(run_in_stack(lambda: program(stack, environment)))
        except BaseException as problem:  # carried over to the thread that asked
            problems.append(problem)
            for waiting in asyncio.all_tasks(loop):
                waiting.cancel()
            loop.run_until_complete(asyncio.sleep(0))
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    thread = threading.Thread(target=contextvars.Context().run, args=(within,), name=stack.name)
    with _uncollected():
        thread.start()
        thread.join()
    if problems:
        raise _told(stack, problems[0])
    return _graph(stack, region, recorder, known=known)


def _told(stack: Stack, problem: BaseException) -> BaseException:
    """Return what a failed program is reported as: the last line of ours that it came from, and what it said."""
    if isinstance(problem, CareslotError) or not isinstance(problem, Exception):
        return problem
    if isinstance(problem, Refusal):
        return Invalid(f"{stack.name}: {problem}")
    frames = [place for frame in extract_tb(problem.__traceback__) if (place := place_of(frame.filename, frame.lineno))]
    where = f"{frames[-1]}: " if frames else ""
    return Invalid(f"{stack.name}: {where}{type(problem).__name__}: {problem}")


def _graph(stack: Stack, region: str, recorder: Recorder, *, known: bool) -> Graph:
    root = next((urn for urn in recorder.registered if f"::{STACK_TYPE}::" in urn), "")
    resources = [
        dataclasses.replace(made, outputs=recorder.registered.get(urn)) if made.component else made
        for urn, made in sorted(recorder.made.items())
    ]
    return Graph(
        stack=stack.name,
        environment=stack.environment,
        layer=stack.layer,
        region=region,
        known=known,
        resources=tuple(resources),
        outputs=recorder.registered.get(root, {}),
    )
