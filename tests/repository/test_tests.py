"""Tests about the tests: each is collected, each can fail, none patches our own code."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.repository.tree import ROOT, parse, python_files, told

JUDGES = {"raises", "fail", "warns"}  # of pytest


def _functions(file: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(parse(file)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _called(function: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            target = node.func
            names.add(target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""))
    return names


def _judges(function: ast.AST) -> bool:
    return any(isinstance(node, ast.Assert) for node in ast.walk(function)) or bool(_called(function) & JUDGES)


def cannot_fail(tests: dict[str, ast.AST], helpers: dict[str, ast.AST]) -> list[str]:
    """Return the tests that neither judge nor call a helper that does, through any number of helpers."""
    judging = {name for name, function in helpers.items() if _judges(function)}
    while more := {name for name, body in helpers.items() if name not in judging and _called(body) & judging}:
        judging |= more
    return sorted(name for name, body in tests.items() if not _judges(body) and not _called(body) & judging)


def test_every_test_file_is_collected() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-qq", "tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
    )
    assert listed.returncode == 0, listed.stdout[-4000:] + listed.stderr[-2000:]
    collected = {match[1] for match in re.finditer(r"^(tests/\S+\.py): [1-9]", listed.stdout, re.MULTILINE)}
    missing = {str(file) for file in python_files("tests") if file.name.startswith("test_")} - collected
    assert not missing, f"nothing is collected from{told(sorted(missing))}"


def test_no_test_hides_in_a_file_that_is_not_collected() -> None:
    hidden = [
        f"{file}: {function.name}"
        for file in python_files()
        if not (file.parts[0] == "tests" and file.name.startswith("test_"))
        for function in _functions(file)
        if function.name.startswith("test_")
    ]
    assert not hidden, told(hidden)


def test_every_test_can_fail() -> None:
    helpers: dict[str, ast.AST] = {}
    tests: dict[str, ast.AST] = {}
    for file in python_files("tests"):
        for function in _functions(file):
            if function.name.startswith("test_"):
                tests[f"{file}: {function.name}"] = function
            else:
                helpers[function.name] = function
    idle = cannot_fail(tests, helpers)
    assert not idle, f"judges nothing:{told(idle)}"


def test_a_test_that_cannot_fail_is_found() -> None:
    def bodies(source: str) -> dict[str, ast.AST]:
        return {f.name: f for f in ast.walk(ast.parse(source)) if isinstance(f, ast.FunctionDef)}

    helpers = bodies("def outer():\n    inner()\ndef inner():\n    assert x\ndef idle():\n    x()")
    tests = bodies("def test_a():\n    outer()\ndef test_b():\n    idle()\ndef test_c():\n    pytest.raises(E)")
    assert cannot_fail(tests, helpers) == ["test_b"]


def test_nothing_of_ours_is_patched() -> None:
    found = []
    for file in python_files("tests"):
        for node in ast.walk(parse(file)):
            if isinstance(node, ast.ImportFrom | ast.Import):
                modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]
                if any(module.startswith(("unittest.mock", "mock", "pytest_mock")) for module in modules):
                    found.append(f"{file}:{node.lineno}: imports a patching library")
            elif isinstance(node, ast.Attribute) and node.attr == "setattr":
                found.append(f"{file}:{node.lineno}: sets an attribute of something that is not its own")
    assert not found, f"write a fake for the port instead:{told(found)}"
