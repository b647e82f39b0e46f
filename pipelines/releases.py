"""Releases: which image of a service an environment runs, in three lines that a reviewer sees and Argo CD reads.

A file's past is the release's past: a rollback takes the digest from there, and nothing else keeps it.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.contracts.catalogue import catalogue
from services.kernel.errors import Invalid, NotFound, Unavailable

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path("gitops/releases")
# A digest goes this way, one environment after the other.
ORDER = ("dev", "staging", "prod")
# What a file says before the service's first build: no image has it, admission and `careslot verify` refuse it.
NOTHING_BUILT = "sha256:" + "0" * 64
DIGEST = "^sha256:[0-9a-f]{64}$"


class Release(BaseModel):
    """What an environment runs of a service.

    ``automatic`` says whether pipelines may change ``digest`` unasked, ``promote`` whether they may carry it on from
    here to the next environment once it has soaked. A person's command heeds neither.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str = Field(pattern=DIGEST)
    automatic: bool
    promote: bool

    @property
    def built(self) -> bool:
        """Whether there is an image at all."""
        return self.digest != NOTHING_BUILT

    def text(self) -> str:
        """Return the three lines."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False)


def released() -> tuple[str, ...]:
    """Return the services that are released by these files: those that run in the clusters."""
    return tuple(sorted(name for name, service in catalogue().items() if service.runs_on == "eks"))


def before(environment: str) -> str:
    """Return the environment that a digest comes from; raise Invalid for the first one and for unknown ones."""
    _known(environment)
    if environment == ORDER[0]:
        raise Invalid(f"{environment} is where a digest starts: `careslot release` puts it there")
    return ORDER[ORDER.index(environment) - 1]


def checked(digest: str) -> str:
    """Return a digest that names an image; raise Invalid otherwise."""
    if not re.fullmatch(DIGEST, digest):
        raise Invalid(f"{digest!r} is not a digest: sha256: and 64 hexadecimal digits, in lower case")
    if digest == NOTHING_BUILT:
        raise Invalid(f"{digest} stands for nothing built: no image has it")
    return digest


@dataclass(frozen=True, slots=True)
class Releases:
    """The release files of one checkout."""

    root: Path = ROOT

    def file(self, environment: str, service: str) -> Path:
        """Return where a release stands; raise Invalid for an environment or service there is none of."""
        _known(environment)
        if service not in released():
            raise Invalid(f"{service} is not released by a file; these are: {', '.join(released())}")
        return self.root / FOLDER / environment / f"{service}.yaml"

    def load(self, environment: str, service: str) -> Release:
        """Read a release; raise NotFound without a file, Invalid naming file, key and what is allowed."""
        file = self.file(environment, service)
        named = file.relative_to(self.root)
        try:
            return Release.model_validate(yaml.safe_load(file.read_text("utf-8")))
        except FileNotFoundError:
            raise NotFound(f"{named}: there is no such release") from None
        except yaml.YAMLError as fault:
            raise Invalid(f"{named} is not YAML: {fault}") from None
        except ValidationError as fault:
            told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in fault.errors())
            raise Invalid(f"{named}: {told}") from None

    def every(self) -> dict[tuple[str, str], Release]:
        """Return the releases there are, by environment and service."""
        return {
            (environment, service): self.load(environment, service)
            for environment in ORDER
            for service in released()
            if self.file(environment, service).is_file()
        }

    def write(self, environment: str, service: str, release: Release) -> None:
        """Put a release into its file."""
        self.file(environment, service).write_text(release.text(), "utf-8")

    def past(self, environment: str, service: str) -> tuple[str, ...]:
        """Return the digests that were committed, the oldest first, without those that a rollback took back."""
        stack: list[str] = []
        for digest in self.ever(environment, service):
            # A digest that comes back takes what came after it off.
            stack = stack[: stack.index(digest)] if digest in stack else stack
            stack.append(digest)
        return tuple(digest for digest in stack if digest != NOTHING_BUILT)

    def ever(self, environment: str, service: str) -> tuple[str, ...]:
        """Return every digest that was committed, in order; raise Unavailable where the history is not all there."""
        named = self.file(environment, service).relative_to(self.root)
        if self._git("rev-parse", "--is-shallow-repository").strip() != "false":
            raise Unavailable(f"the history of {named} is cut off here: run `git fetch --unshallow` first")
        log = self._git("log", "--reverse", "--first-parent", "-m", "--format=", "-p", "-U0", "--", str(named))
        return tuple(re.findall(r"^\+digest: ['\"]?(sha256:[0-9a-f]{64})", log, re.MULTILINE))

    def _git(self, *words: str) -> str:
        try:
            done = subprocess.run(["git", *words], cwd=self.root, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise Unavailable("there is no `git` here: a release's past is in its history") from None
        if done.returncode:
            raise Unavailable(f"git {words[0]} in {self.root}: {done.stderr.strip()}")
        return done.stdout


def _known(environment: str) -> None:
    if environment not in ORDER:
        raise Invalid(f"no environment is called {environment!r}; there are {', '.join(ORDER)}")
