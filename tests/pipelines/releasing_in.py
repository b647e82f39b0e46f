"""A repository with release files only, to release in."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pipelines.releases import FOLDER, Release


def digest(letter: str) -> str:
    """Return a digest that is easily told apart."""
    return "sha256:" + letter * 64


def put(root: Path, environment: str, service: str, released: str, *, automatic: bool = True) -> None:
    """Write a release file."""
    file = root / FOLDER / environment / f"{service}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(Release(digest=released, automatic=automatic, promote=True).text(), "utf-8")


def repository(folder: Path) -> Path:
    """Make a repository of a folder, with whatever is in it committed."""
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "Test")
    git(folder, "config", "user.email", "test@careslot.example")
    git(folder, "commit", "-q", "--allow-empty", "-m", "Begin")
    return folder


def commit(root: Path) -> None:
    """Commit everything."""
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "Release")


def git(root: Path, *words: str) -> None:
    """Run git there."""
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)
