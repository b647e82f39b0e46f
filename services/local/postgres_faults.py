"""Turn what PostgreSQL says when it cannot run into what a person can do about it."""

from __future__ import annotations

import shutil
from pathlib import Path

from services.local.child import CannotStart

MEGABYTE = 1024 * 1024

REMEDIES = (
    ("No space left on device", "the disk that holds {folder} is full: free some space and start again"),
    ("Disk quota exceeded", "your disk quota is used up: free some space beside {folder} and start again"),
    ("Read-only file system", "{folder} is on a read-only file system: use a folder that can be written to"),
    (
        "database files are incompatible with server",
        "{folder} was made by another version of PostgreSQL: remove it to begin with empty databases",
    ),
    (
        "directory is not empty",
        "{folder} holds files that are not a database: move them away, or use another folder",
    ),
    (
        "could not locate a valid checkpoint record",
        "{folder} is damaged: remove it to begin with empty databases",
    ),
    (
        "Cannot allocate memory",
        "there is not enough memory for PostgreSQL: close other programs and start again",
    ),
)


def explain(output: str, folder: Path) -> str:
    """Return one sentence for a known fault, else the last lines of the output."""
    for sign, remedy in REMEDIES:
        if sign in output:
            return "PostgreSQL cannot run: " + remedy.format(folder=folder)
    last = "\n  ".join(output.strip().splitlines()[-5:]) or "it said nothing (killed?)"
    return f"PostgreSQL cannot run in {folder}; it said:\n  {last}"


def require_room(folder: Path, needed: int) -> None:
    """Raise CannotStart when the disk that holds `folder`, or will, has fewer than `needed` bytes free."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise CannotStart(
            f"the disk that holds {folder} has {free // MEGABYTE} MB free, and {needed // MEGABYTE} MB are "
            f"needed: free some space and start again"
        )
