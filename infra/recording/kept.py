"""Recordings kept in `.cache/estate` until something they are made of changes, for every process of this working tree.

What judges the estate (`careslot policy`) and what tests it read the same graphs many times over. `careslot preview`
itself always runs the programs.
"""

from __future__ import annotations

import fcntl
import hashlib
import pickle
import sys
from pathlib import Path
from typing import BinaryIO

from infra.recording.graph import Recording

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".cache" / "estate"
# Everything a recording may depend on: programs, settings, topology, catalogue, API documents, the SDK.
MADE_OF = ("environments", "infra", "services", "requirements")


def kept(environment: str, folder: Path = KEPT) -> dict[str, Recording] | None:
    """Return an environment's recordings by stack if its files are still as they were; None if it must be recorded."""
    try:
        with (folder / f"{environment}.pickle").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return _read(file, sources())
    except FileNotFoundError:
        return None


def recorded(environment: str, folder: Path = KEPT) -> dict[str, Recording]:
    """Return an environment's recordings by stack; who comes first records, another process waits and reads."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{environment}.pickle").open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        made_of = sources()
        file.seek(0)
        if found := _read(file, made_of):
            return found
        from infra.recording.record import record_named  # noqa: PLC0415 - loads the SDK: not where all is kept

        made = record_named(environment)
        file.seek(0)
        file.truncate()
        pickle.dump(made_of, file)
        pickle.dump(made, file)
        return made


def sources(root: Path = ROOT) -> str:
    """Return a hash of every file a recording may depend on, and of the Python that made it."""
    digest = hashlib.sha256(sys.version.encode())
    for top in MADE_OF:
        for file in sorted((root / top).rglob("*.*")):
            if file.suffix != ".pyc" and file.is_file():
                name = file.relative_to(root).as_posix()
                digest.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _read(file: BinaryIO, made_of: str) -> dict[str, Recording] | None:
    try:
        if pickle.load(file) != made_of:  # noqa: S301 - written by us, in our own cache
            return None
        found: dict[str, Recording] = pickle.load(file)  # noqa: S301
    except (EOFError, pickle.UnpicklingError):
        return None  # new, or whoever wrote it was stopped
    return found
