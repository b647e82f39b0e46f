"""The version that is released: the last tag `release/*`, as files in a folder beside this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from services.kernel.errors import Invalid, Unavailable

ROOT = Path(__file__).resolve().parents[2]
TAGS = "release/*"
TRUNK = ("origin/main", "main")
# Names a revision where there is no tag yet, or another one is meant: a workflow's way to say --base.
BASE = "CARESLOT_COMPATIBLE_WITH"


@dataclass(frozen=True, slots=True)
class Released:
    """A commit and why it counts as the released one."""

    commit: str
    why: str


def released(root: Path = ROOT, base: str | None = None) -> Released:
    """Return the commit to be compatible with: the one named, else the last release, else where the branch began."""
    if named := base or os.environ.get(BASE):
        commit = _tried(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{named}^{{commit}}")
        if commit is None:
            raise Invalid(f"{named} is no commit here (a shallow clone has few: `git fetch --unshallow --tags`)")
        return Released(commit, f"{named}, as asked")
    if tag := _tried(root, "describe", "--tags", "--abbrev=0", "--match", TAGS):
        return Released(_git(root, "rev-parse", f"{tag}^{{commit}}"), f"the last release, {tag}")
    head = _git(root, "rev-parse", "HEAD")
    for trunk in TRUNK:
        common = _tried(root, "merge-base", "HEAD", trunk)
        if common and common != head:
            return Released(common, f"no tag {TAGS} yet: where this branch left {trunk}")
    if parent := _tried(root, "rev-parse", "--verify", "--quiet", "HEAD~1"):
        return Released(parent, f"no tag {TAGS} yet: the commit before this one")
    raise Unavailable(f"there is neither a tag {TAGS} nor an earlier commit here: name one with --base")


def checkout(commit: str, root: Path = ROOT) -> Path:
    """Lay a commit's files into .cache/released and return the folder; what lay there of another commit goes."""
    folder = root / ".cache" / "released" / commit[:16]
    if folder.exists():
        return folder
    shutil.rmtree(folder.parent, ignore_errors=True)
    done = subprocess.run(["git", "archive", "--format=tar", commit], cwd=root, capture_output=True, check=False)
    if done.returncode:
        raise Unavailable(f"git archive {commit}: {done.stderr.decode().strip()}")
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(making, filter="data")
    making.rename(folder)
    return folder


def _git(root: Path, *words: str) -> str:
    found = _tried(root, *words)
    if found is None:
        raise Unavailable(f"git {' '.join(words)} says nothing in {root}: is it a repository with a commit?")
    return found


def _tried(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Unavailable("there is no `git` here: what is released is in its history") from None
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else None
