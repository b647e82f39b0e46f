"""Tests about the tests: each is collected, each can fail, none patches our own code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.repository.tree import ROOT, parse, python_files, told

OURS = ("services", "pipelines", "policies", "infra", "environments")
JUDGES = {"raises", "fail", "warns"}  # of pytest


def _functions(file: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(parse(file)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _imported_from_us(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (*OURS, "tests"):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {a.asname or a.name.split(".")[0] for a in node.names if a.name.split(".")[0] in OURS}
    return names


def idle(tree: ast.Module) -> list[str]:
    """Return a module's tests that no change of our code could make fail.

    A test judges by asserting on something that is not a constant, by pytest's own judges, or by running our code
    (or a fixture or helper of the tests that does) and not minding the outcome unless it raises.
    """
    helpers = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    runs = _imported_from_us(tree) | helpers | JUDGES
    found = []
    for test in ast.walk(tree):
        if not isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef) or not test.name.startswith("test_"):
            continue
        fixtures = {argument.arg for argument in (*test.args.args, *test.args.kwonlyargs)}
        judged = any(
            isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant | ast.Tuple)
            for node in ast.walk(test)
        )
        called = {
            name.id if isinstance(name, ast.Name) else getattr(name, "attr", "")
            for node in ast.walk(test)
            if isinstance(node, ast.Call)
            for name in ast.walk(node.func)
        }
        if not judged and not called & (runs | fixtures):
            found.append(test.name)
    return found


def patches(tree: ast.Module) -> list[int]:
    """Return the lines of a test module where our own code is patched, or a patching library is imported."""
    ours = _imported_from_us(tree)
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]
            if any(module.startswith(("unittest.mock", "mock", "pytest_mock")) for module in modules):
                lines.append(node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr":
            target = node.args[0] if node.args else node
            roots = {name.id for name in ast.walk(target) if isinstance(name, ast.Name)}
            named = target.value if isinstance(target, ast.Constant) else ""
            if roots & ours or str(named).split(".")[0] in OURS:
                lines.append(node.lineno)
    return sorted(lines)


def test_every_test_file_is_collected(request: pytest.FixtureRequest) -> None:
    """Every test file below what this run was told to run has given it tests."""
    if request.config.option.keyword or request.config.option.markexpr:
        pytest.skip("a run that picks tests by name or mark says nothing about files")
    asked = [(ROOT / argument.split("::")[0]).resolve() for argument in request.config.args]
    files = {(ROOT / file).resolve() for file in python_files("tests") if file.name.startswith("test_")}
    wanted = {file for file in files if any(file.is_relative_to(path) for path in asked)}
    missing = wanted - {item.path for item in request.session.items}
    assert not missing, f"nothing is collected from{told(sorted(map(str, missing)))}"


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
    found = [f"{file}: {name}" for file in python_files("tests") for name in idle(parse(file))]
    assert not found, f"no change of our code could make them fail:{told(found)}"


def test_nothing_of_ours_is_patched() -> None:
    found = [f"{file}:{line}" for file in python_files("tests") for line in patches(parse(file))]
    assert not found, f"write a fake for the port, or give the value as a parameter:{told(found)}"


def test_planted_faults_are_found() -> None:
    assert idle(
        ast.parse(
            "from services.a import ours\n"
            "def test_runs(): ours()\n"
            "def test_judges(): assert 1 + 1 == 2\n"
            "def test_expects():\n  with pytest.raises(E): int('x')\n"
            "def test_prints(): print(1)\n"
            "def test_true(): assert True\n"
            "def test_tuple(): assert (x, 'always true')\n"
        )
    ) == ["test_prints", "test_true", "test_tuple"]
    assert patches(
        ast.parse(
            "from services import booking\n"
            "patch.setattr(booking, 'LIMIT', 1)\n"
            "patch.setattr('services.booking.LIMIT', 1)\n"
            "patch.setattr('tempfile.tempdir', '/tmp')\n"
            "from unittest.mock import Mock\n"
        )
    ) == [2, 3, 5]
