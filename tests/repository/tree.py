"""The repository as git sees it, read once, so that every test here speaks of the same files."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is tracked or would be, relative to the root, in order."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(sorted(Path(name) for name in set(listed.split("\0")) if name and (ROOT / name).is_file()))


def python_files(*tops: str) -> tuple[Path, ...]:
    """Return the Python files, all or those under the named top folders."""
    return tuple(file for file in files() if file.suffix == ".py" and (not tops or file.parts[0] in tops))


@cache
def read(file: Path) -> str:
    """Return a file's text."""
    return (ROOT / file).read_text("utf-8")


@cache
def parse(file: Path) -> ast.Module:
    """Return a Python file's syntax tree."""
    return ast.parse(read(file), filename=str(file))


def services() -> tuple[str, ...]:
    """Return the folders of services/ that are services: those with a main module."""
    return tuple(sorted(file.parts[1] for file in files() if file.match("services/*/main.py") and len(file.parts) == 3))


def told(problems: list[str]) -> str:
    """Return problems as the message of a failed assertion."""
    return "\n  " + "\n  ".join(problems)
