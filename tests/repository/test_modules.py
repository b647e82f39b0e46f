"""What a module may be: small, named for what it holds, and able to say why it exists."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.repository.tree import files, parse, python_files, read, told

MOST_LINES = 300
ATTICS = {"base_utils", "common", "core", "helper", "helpers", "misc", "service", "shared", "tools", "util", "utils"}
INSIDE_A_SERVICE = {
    "adapters", "api", "cli", "consumers", "domain", "lambdas", "main", "ports", "settings", "usecases",
}  # fmt: skip
TEXTS = {".cedar", ".html", ".in", ".md", ".py", ".sql", ".toml", ".txt", ".yaml"}
NOT_SERVICES = {"contracts", "kernel", "local"}
KERNEL_MOST_MODULES = 27


def test_modules_are_small() -> None:
    long = [f"{file} has {n} lines" for file in python_files() if (n := len(read(file).splitlines())) > MOST_LINES]
    assert not long, f"split by what they are about:{told(long)}"


def test_every_module_says_why_it_exists() -> None:
    silent = [str(file) for file in python_files() if not (ast.get_docstring(parse(file)) or "").strip()]
    assert not silent, f"without a module docstring:{told(silent)}"


def test_no_attic() -> None:
    attics = [str(file) for file in python_files() if ATTICS & {*file.parts[:-1], file.stem}]
    assert not attics, f"named for nothing in particular:{told(attics)}"


def test_services_have_the_parts_that_services_have() -> None:
    others = sorted(
        {
            "/".join(file.parts[:3])
            for file in python_files("services")
            if len(file.parts) > 2 and file.parts[1] not in NOT_SERVICES
            if Path(file.parts[2]).stem not in INSIDE_A_SERVICE | {"__init__"}
        }
    )
    assert not others, f"a service has {', '.join(sorted(INSIDE_A_SERVICE))} and no others:{told(others)}"


def test_kernel_stays_small() -> None:
    modules = [file for file in python_files("services") if file.parts[1] == "kernel" and file.stem != "__init__"]
    assert len(modules) <= KERNEL_MOST_MODULES, "the kernel is what every service needs, not what two share"


def test_no_folder_waits_for_later_work() -> None:
    placeholders = [str(file) for file in files() if file.name in {".gitkeep", ".keep"}]
    empty = [
        str(file.parent)
        for file in python_files()
        if file.name == "__init__.py"
        if not any(other != file and file.parent in other.parents for other in files())
        if len(parse(file).body) <= 1
    ]
    assert not placeholders + empty, f"folders without content:{told(placeholders + empty)}"


def test_text_files_end_in_a_newline() -> None:
    texts = [file for file in files() if file.suffix in TEXTS]
    ragged = [str(file) for file in texts if (text := read(file)) and not text.endswith("\n")]
    assert not ragged, told(ragged)
