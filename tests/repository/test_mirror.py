"""Tests mirror the tree, so that whoever changes a module knows where its tests are, and a gap is seen."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.repository.tree import files, parse, python_files, told

# Modules with logic and no test module of their own: what exercises them instead, in a sentence.
_REBUILT = "tests/services/local/test_rebuilding.py rebuilds every service's projections from their owners with it"
ELSEWHERE: dict[str, str] = {
    "services/booking/cli/rebuild.py": _REBUILT,
    "services/notifications/cli/rebuild.py": _REBUILT,
    "services/waitlist/cli/rebuild.py": _REBUILT,
    "policies/pack/translating.py": "tests/policies/pack/test_wrapping.py asks the running pack in its environment",
    "pipelines/gitops/engine.py": "tests/pipelines/gitops/test_helm.py asks it in its own environment",
    "infra/components/artifacts.py": "tests/infra/components/test_functions.py looks for each zip in its bucket",
    "infra/recording/unsafe.py": "tests/infra/test_planted.py plants each of its mistakes and reads what is said",
    "pipelines/delivery/verbs.py": "tests/repository/test_docs.py reads from the command the verbs that workflows call",
    "pipelines/policy_evidence.py": "tests/pipelines/test_policy_report.py reads in reports what it gathers",
    "services/kernel/records.py": _REBUILT,
    "services/kernel/rebuilding.py": _REBUILT,
}
SAMPLES = ("tests", "policies", "rules", "areas")
BARE = {"__init__", "__main__", "settings", "ports"}


def has_logic(tree: ast.Module) -> bool:
    """Say whether a module decides anything: holds a branch, a loop or a comprehension with a condition."""
    deciding = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match, ast.IfExp, ast.BoolOp)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return any(isinstance(node, deciding) for function in functions for node in ast.walk(function))


def imported(tree: ast.Module) -> set[str]:
    """Return the dotted names of the modules a module imports, with `from a import b` as `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def untested(modules: list[Path], tests: dict[Path, set[str]]) -> list[Path]:
    """Return the modules that no test mirrors.

    A test mirrors `services/booking/domain/claims.py` if it is in the folder tests/services/booking (or below it) and
    is called after the module or its package (test_claims.py, test_domain_claims.py, test_domain.py) or imports it.
    """
    at_home: dict[Path, list[tuple[str, set[str]]]] = {}
    for test, names in tests.items():
        for folder in test.parents:
            at_home.setdefault(folder, []).append((test.stem, names))
    without = []
    for module in modules:
        home = Path("tests", *module.parts[:2]) if len(module.parts) > 2 else Path("tests", module.parts[0])
        dotted = ".".join(module.with_suffix("").parts)
        words = [f"test_{word}" for word in (module.stem, *module.parts[2:-1])]
        if not any(
            dotted in names or any(stem == word or stem.startswith(f"{word}_") for word in words)
            for stem, names in at_home.get(home, ())
        ):
            without.append(module)
    return without


@cache
def _gap() -> frozenset[str]:
    tests = {file: imported(parse(file)) for file in python_files("tests") if file.name.startswith("test_")}
    # A rule's tests are its samples, a file for each area: tests/policies/rules/test_samples.py judges them.
    tests |= {f.with_stem(f"test_{f.stem}"): set() for f in files() if f.parts[:4] == SAMPLES}
    modules = [
        f
        for f in python_files("services", "environments", "infra", "pipelines", "policies")
        if f.stem not in BARE and has_logic(parse(f))
    ]
    return frozenset(str(module) for module in untested(modules, tests))


def test_every_module_with_logic_has_tests() -> None:
    missing = sorted(_gap() - set(ELSEWHERE))
    assert not missing, f"modules that decide something and have no test:{told(missing)}"


def test_exceptions_are_not_stale() -> None:
    stale = sorted(set(ELSEWHERE) - _gap())
    mute = [module for module, reason in ELSEWHERE.items() if len(reason.split()) < 4]
    assert not stale, f"listed as tested elsewhere, but gone or tested:{told(stale)}"
    assert not mute, told(mute)


def test_every_test_folder_mirrors_a_folder() -> None:
    folders = {parent for file in files() for parent in file.parents}
    strays = sorted({str(f.parent) for f in python_files("tests") if f.parts[1:2] == ("services",)
                     if f.parts[2:-1] and Path(*f.parts[1:3]) not in folders})  # fmt: skip
    assert not strays, f"test folders of services that do not exist:{told(strays)}"


def test_planted_gap_is_found() -> None:
    claims, cli = Path("services/booking/domain/claims.py"), Path("services/booking/cli.py")
    at_home = Path("tests/services/booking/test_claims.py")
    assert untested([claims, cli], {at_home: set()}) == [cli]
    assert untested([claims], {Path("tests/services/waitlist/test_claims.py"): set()}) == [claims]
    assert untested([cli], {Path("tests/services/booking/test_verbs.py"): {"services.booking.cli"}}) == []
    assert has_logic(ast.parse("def f(x):\n    return 1 if x else 2"))
    assert not has_logic(ast.parse("class P(Protocol):\n    def f(self) -> int: ..."))
    assert imported(ast.parse("from a.b import c")) == {"a.b", "a.b.c"}
