"""The workflows really run, by `act`, without containers: in which order, with what words, and what stops what.

Stand-ins take the place of other people's actions and of `careslot`, which writes down what it is asked; the verbs have
tests of their own. `act` does not know the self-repository form `$/` yet: in the copy it runs, that is `./`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.workflows import linters, lock, reading
from tests.repository.tree import ROOT

pytestmark = pytest.mark.skipif(not linters.BIN.is_dir(), reason=f"needs .venv-workflows: {linters.MAKE_IT}")

# What act finds in place of every action but checkout.
STUB = "name: stub\nruns:\n  using: composite\n  steps:\n    - run: 'true'\n      shell: bash\n"
MAKEFILE = "install:\n\tmkdir -p .venv/bin .cache\n\tcp stand_in .venv/bin/careslot\n"
STAND_IN = """#!/bin/sh
echo "$*${GITHUB_TOKEN:+ (with a token)}" >> "%(said)s"
case "$*" in
  *"$REFUSED"*) echo "error: refused" >&2; exit 1 ;;
  "affected "*"--json") echo '{"include": [{"part": "infra"}, {"part": "services/booking"}]}' ;;
  promote*) echo "+digest: sha256:1" ;;
esac
"""
GIT = {f"GIT_{who}_{what}": "test@careslot.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@dataclass(frozen=True)
class Ran:
    """How a workflow ended, and what `careslot` was asked, in order."""

    passed: bool
    said: list[str]
    log: str


@dataclass(frozen=True)
class Copy:
    """A repository with our workflows and stand-ins for everything they call."""

    root: Path

    def run(self, *words: str, refused: str = "never said") -> Ran:
        """Run a workflow; ``refused`` is what makes `careslot` fail."""
        said = self.root / "said"
        said.unlink(missing_ok=True)
        stubs = [f"{action}={self.root / 'stub'}" for action in self._actions()]
        done = subprocess.run(
            [
                str(linters.BIN / "act"), *words, "--platform", "ubuntu-24.04=-self-hosted", "--action-offline-mode",
                "--secret", "GITHUB_TOKEN=t0ken", "--env", f"REFUSED={refused}",
                *(word for stub in stubs for word in ("--local-repository", stub)),
            ],
            cwd=self.root / "repository",
            env={"PATH": os.environ["PATH"], "HOME": str(self.root), "XDG_CACHE_HOME": str(self.root / "cache")},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        asked = said.read_text("utf-8").splitlines() if said.is_file() else []
        return Ran(done.returncode == 0, asked, done.stdout + done.stderr)

    def _actions(self) -> list[str]:
        return [f"{one.action}@{one.sha}" for one in lock.load(ROOT).values()]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    root = tmp_path_factory.mktemp("act")
    repository = root / "repository"
    shutil.copytree(ROOT / ".github", repository / ".github")
    for file in reading.files(repository):
        file.write_text(re.sub(r"uses: \$/", "uses: ./", file.read_text("utf-8")), "utf-8")
    (repository / "Makefile").write_text(MAKEFILE, "utf-8")
    (repository / "stand_in").write_text(STAND_IN % {"said": root / "said"}, "utf-8")
    (repository / "stand_in").chmod(0o755)
    (root / "stub").mkdir()
    (root / "stub" / "action.yml").write_text(STUB, "utf-8")
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *words], cwd=repository, check=True, env={**os.environ, **GIT})
    return Copy(root)


PULL_REQUEST = ("workflow_dispatch", "--workflows", ".github/workflows/verify.yml", "--input", "base=origin/main")
PROMOTE = ("workflow_dispatch", "--workflows", ".github/workflows/promote.yml", "--input", "service=booking")


def test_verify_runs_lint_and_every_affected_part(copy: Copy) -> None:
    ran = copy.run(*PULL_REQUEST)
    assert ran.passed, ran.log
    assert sorted(ran.said) == [
        "affected --base origin/main --json",
        "affected --base origin/main --verify infra",
        "affected --base origin/main --verify services/booking",
        "verify lint",
    ]


@pytest.mark.parametrize("refused", ["--verify infra", "verify lint"])
def test_one_failed_part_fails_the_verdict_and_stops_no_other(copy: Copy, refused: str) -> None:
    ran = copy.run(*PULL_REQUEST, refused=refused)
    assert not ran.passed
    assert "affected --base origin/main --verify services/booking" in ran.said
    assert re.search(r"verify/verdict .*Job failed", ran.log), ran.log


def test_a_filter_that_matches_nothing_is_no_pass(copy: Copy) -> None:
    ran = copy.run(*PULL_REQUEST, refused="--json")
    assert not ran.passed
    assert not any("--verify" in said for said in ran.said)


def test_promotion_soaks_where_it_comes_from_then_proposes(copy: Copy) -> None:
    ran = copy.run(*PROMOTE, "--input", "to=prod", "--var", "SOAK_MINUTES=30")
    assert ran.passed, ran.log
    assert ran.said == [
        "soak booking --environment staging --minutes 30",
        "promote booking --to prod",
        (
            "propose gitops/releases --branch promote/booking-prod --title Promote booking to prod"
            " --file .cache/change.diff (with a token)"
        ),
    ]


def test_what_burns_is_not_promoted(copy: Copy) -> None:
    ran = copy.run(*PROMOTE, "--input", "to=staging", refused="soak booking --environment dev --minutes 60")
    assert not ran.passed
    assert ran.said == ["soak booking --environment dev --minutes 60"]
