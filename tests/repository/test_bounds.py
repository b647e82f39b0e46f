"""Nothing grows without a bound in a rush: no endless queue, no endless pool, no task for each of unknown many.

A queue without a bound hides overload until memory or patience ends (docs/decisions/0093). What measures or rehearses
from outside (services/local) may make a crowd: that is its purpose.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.repository.tree import parse, python_files, told

QUEUES = {"Queue", "LifoQueue", "PriorityQueue", "JoinableQueue"}
ENDLESS = {"SimpleQueue"}
POOLS = {"ThreadPoolExecutor", "ProcessPoolExecutor"}
LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# A task for each of several, and why there are only so many of them.
SO_MANY = {
    "services/booking/api/streams.py": "the next piece of news, one at a time",
    "services/kernel/runtime.py": "one a queue this process polls, one a way to stop them",
    "services/availability/main.py": "one a keeper, written out",
}


def _name(call: ast.Call) -> str:
    function = call.func.value if isinstance(call.func, ast.Subscript) else call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _bounded(call: ast.Call, keyword: str) -> bool:
    given = [*call.args[:1], *(one.value for one in call.keywords if one.arg == keyword)]
    return any(not (isinstance(one, ast.Constant) and one.value in {0, None}) for one in given)


def endless(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that make a queue, a pool or a client's connections without a bound."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = _name(node)
        unlimited = [one for one in node.keywords if one.arg in {"max_connections", "limit_concurrency"}]
        if (
            name in ENDLESS
            or (name in QUEUES and not _bounded(node, "maxsize"))
            or (name in POOLS and not _bounded(node, "max_workers"))
            or any(isinstance(one.value, ast.Constant) and one.value.value is None for one in unlimited)
        ):
            yield node.lineno


def tasks_in_loops(tree: ast.AST) -> Iterator[int]:
    """Yield the lines where a task is made in a loop or for each of several."""
    for loop in ast.walk(tree):
        if isinstance(loop, LOOPS):
            for node in ast.walk(loop):
                if isinstance(node, ast.Call) and _name(node) in {"create_task", "ensure_future"}:
                    yield node.lineno


def _of_services() -> list[Path]:
    return [file for file in python_files("services") if file.parts[1] != "local"]


def test_every_queue_and_pool_has_a_bound() -> None:
    found = [f"{file}:{line}" for file in _of_services() for line in endless(parse(file))]
    assert not found, f"give it a bound and say what happens beyond it:{told(found)}"


def test_no_task_is_made_for_each_of_unknown_many() -> None:
    made = {f"{file}:{line}" for file in _of_services() for line in tasks_in_loops(parse(file))}
    others = sorted(one for one in made if one.partition(":")[0] not in SO_MANY)
    assert not others, f"semaphores bound what runs, not what waits; say here why there are only so many:{told(others)}"
    assert not SO_MANY.keys() - {one.partition(":")[0] for one in made}, "says more than there is"


def test_what_has_no_bound_is_found() -> None:
    wrong = ("asyncio.Queue()", "Queue(0)", "asyncio.Queue[int](maxsize=0)", "ThreadPoolExecutor()", "SimpleQueue()",
             "httpx.Limits(max_connections=None)")  # fmt: skip
    right = ("asyncio.Queue(5)", "asyncio.Queue[int](MOST)", "ThreadPoolExecutor(8)", "Limits(max_connections=9)")
    assert all(list(endless(ast.parse(text))) for text in wrong)
    assert not any(list(endless(ast.parse(text))) for text in right)
    assert list(tasks_in_loops(ast.parse("for x in y:\n    create_task(x)")))
    assert list(tasks_in_loops(ast.parse("tasks = [loop.create_task(x) for x in y]")))
