"""Three linters over .github, from an environment of their own: actionlint twice, shellcheck within it, zizmor.

actionlint checks an action's inputs only when it is named by a tag, so it reads a copy with tags put back, too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.findings import Finding
from pipelines.workflows.lock import load, with_tags
from pipelines.workflows.reading import files
from services.kernel.errors import Invalid, Unavailable

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv-workflows" / "bin"
OFFLINE = ("--offline", "--no-progress", "--quiet", "--strict-collection")
MAKE_IT = "run `make .venv-workflows/.installed`"


def findings(root: Path) -> list[Finding]:
    """Return what the linters find."""
    return [*actionlint(root), *actionlint_by_tag(root), *zizmor(root)]


def actionlint(root: Path) -> list[Finding]:
    """Lint the workflows as they are."""
    workflows = [str(file.relative_to(root)) for file in files(root) if file.parent.name == "workflows"]
    if not workflows:
        raise Invalid(f"{root} has no workflows to lint")
    done = _run(["actionlint", "-format", "{{json .}}", *workflows], root, allowed={0, 1})
    return [
        Finding(one["filepath"], f"line {one['line']}", f"{one['message']} [actionlint {one['kind']}]")
        for one in json.loads(done or "[]")
    ]


def actionlint_by_tag(root: Path) -> list[Finding]:
    """Lint a copy in which actions have their tags again, so that their inputs are looked at."""
    locked = load(root).values()
    with tempfile.TemporaryDirectory(prefix="careslot-workflows-") as folder:
        copy = Path(folder)
        shutil.copytree(root / ".github", copy / ".github")
        # Without a repository around them actionlint finds neither its settings nor the actions of ours.
        (copy / ".git").mkdir()
        for file in files(copy):
            file.write_text(with_tags(file.read_text("utf-8"), locked), "utf-8")
        return actionlint(copy)


def zizmor(root: Path) -> list[Finding]:
    """Ask zizmor, without the network."""
    told = json.loads(_run(["zizmor", *OFFLINE, "--format", "json-v1", ".github"], root, allowed={0, *range(11, 15)}))
    return [_of_zizmor(one) for one in told]


def sarif(root: Path) -> str:
    """Return zizmor's findings as SARIF, for GitHub's code scanning."""
    return _run(["zizmor", *OFFLINE, "--format", "sarif", ".github"], root, allowed={0})


def _of_zizmor(one: Mapping[str, Any]) -> Finding:
    places = one["locations"]
    place = next((p for p in places if p["symbolic"]["kind"] == "Primary"), places[0])
    path = place["symbolic"]["key"]["Local"]["verbatim_path"]
    line = place["concrete"]["location"]["start_point"]["row"] + 1
    return Finding(path, f"line {line}", f"{one['desc']} [zizmor {one['ident']}]", one.get("url", ""))


def _run(words: Sequence[str], root: Path, *, allowed: set[int]) -> str:
    """Run a linter and return what it printed; raise Unavailable without it, Invalid when it ended otherwise."""
    if not (BIN / words[0]).is_file():
        raise Unavailable(f"there is no {words[0]} here: {MAKE_IT}")
    path = os.pathsep.join((str(BIN), os.environ.get("PATH", "")))
    done = subprocess.run(
        [str(BIN / words[0]), *words[1:]], cwd=root, env={**os.environ, "PATH": path}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode not in allowed:
        raise Invalid(f"{words[0]} could not work: {(done.stderr or done.stdout).strip()}")
    return done.stdout
