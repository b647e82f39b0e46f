"""`careslot release`, `promote`, `rollback`: change which image an environment runs, in a file that a reviewer sees.

They edit files and nothing else: what is merged is what Argo CD brings to the clusters. A digest gets into a file only
with the attestation of its build, which is kept beside the releases, so that every later step can look at it again.
"""

from __future__ import annotations

import difflib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from environments.model import load_environment
from pipelines import attestations
from pipelines.attestations import Attested
from pipelines.releases import FOLDER, ORDER, ROOT, Release, Releases, before, checked
from services.kernel.errors import Conflict, Invalid, Unavailable

BUILT = FOLDER / "built"

Service = Annotated[str, typer.Argument(help="A service that runs in the clusters.", metavar="SERVICE")]
Checkout = Annotated[
    Path, typer.Option("--repository", help="Checkout whose files are edited.", show_default="this one")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and show everything, write nothing.")]
Unattended = Annotated[
    bool, typer.Option("--unattended", help="For pipelines: do nothing where the files say that a person must ask.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("release")(release)
    app.command("promote")(promote)
    app.command("rollback")(rollback)


@dataclass(frozen=True, slots=True)
class Change:
    """One release file as it was and as it is to be; ``note`` says why nothing is to be done, or what comes with it."""

    environment: str
    service: str
    was: Release
    becomes: Release
    note: str = ""
    # Digests whose certificate's issuer could not be checked on this machine.
    unchecked: str = ""


def release(
    service: Service,
    digest: Annotated[str, typer.Option(help="The image that was built: sha256:...")],
    attestation: Annotated[Path, typer.Option(help="The bundle that the build's attest step wrote.")],
    repository: Checkout = ROOT,
    unattended: Unattended = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put a built and attested image into the first environment's release."""
    releases, first = Releases(repository), ORDER[0]
    was = releases.load(first, service)
    try:
        text = attestation.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"{attestation}: there is no attestation that can be read") from None
    attested = attestations.read(text, service, checked(digest), _ours(first))
    unchecked = _confirmed(attestation, attested, first)
    if unattended and not was.automatic:
        change = Change(first, service, was, was, "automatic is false there: a person must release")
    else:
        change = Change(first, service, was, was.model_copy(update={"digest": digest}), unchecked=unchecked)
        if not dry_run:
            record = repository / record_of(service, digest)
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(text, "utf-8")
    _carry_out(releases, change, dry_run=dry_run, as_json=as_json)


def promote(
    service: Service,
    to: Annotated[str, typer.Option(help=f"Where to: {' or '.join(ORDER[1:])}.")],
    digest: Annotated[str | None, typer.Option(help="What was approved; refused if the release moved on.")] = None,
    repository: Checkout = ROOT,
    unattended: Unattended = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Carry what an environment runs on to the next one; dev, staging, prod is the only way."""
    releases, source = Releases(repository), before(to)
    was, there = releases.load(to, service), releases.load(source, service)
    if not there.built:
        raise Conflict(f"{source} runs nothing of {service} yet: nothing to promote to {to}")
    if digest is not None and checked(digest) != there.digest:
        raise Conflict(f"{source} runs {there.digest} by now, not {digest}: have that one approved")
    unchecked = _confirmed_record(repository, service, there.digest, to)
    if unattended and not (there.promote and was.automatic):
        why = f"promote is false in {source}" if not there.promote else f"automatic is false in {to}"
        change = Change(to, service, was, was, f"{why}: a person must promote")
    else:
        change = Change(to, service, was, was.model_copy(update={"digest": there.digest}), unchecked=unchecked)
    _carry_out(releases, change, dry_run=dry_run, as_json=as_json)


def rollback(
    service: Service,
    env: Annotated[str, typer.Option(help=f"Where: {', '.join(ORDER)}.")],
    bad: Annotated[
        str | None, typer.Option("--from", help="What has to go; nothing is done when another one is released.")
    ] = None,
    repository: Checkout = ROOT,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put back what was released before, and hold the environment: no pipeline changes it until `automatic` is true."""
    releases = Releases(repository)
    was = releases.load(env, service)
    if bad is not None and checked(bad) != was.digest:
        change = Change(env, service, was, was, f"{env} does not run {bad}")
    else:
        past = releases.past(env, service)
        # What was released is what was committed: asked again before a commit, this comes to the same.
        if len(past) < 2:
            raise Conflict(f"nothing was released to {env} before of {service}: no digest to go back to")
        held = Release(digest=past[-2], automatic=False, promote=was.promote)
        unchecked = _confirmed_record(repository, service, held.digest, env)
        change = Change(env, service, was, held, "held: set automatic to true when it may move on", unchecked)
    _carry_out(releases, change, dry_run=dry_run, as_json=as_json)


def record_of(service: str, digest: str) -> Path:
    """Return where the attestation of an image is kept, relative to the root."""
    return BUILT / service / f"{digest.removeprefix('sha256:')}.json"


def attested_record(root: Path, service: str, digest: str) -> Attested:
    """Read the kept attestation of an image; raise Invalid if there is none or it does not hold."""
    file = record_of(service, digest)
    try:
        text = (root / file).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"{digest} was not built and attested: there is no {file}") from None
    try:
        return attestations.read(text, service, digest, _ours(ORDER[0]))
    except Invalid as fault:
        raise Invalid(f"{file}: {fault.detail}") from None


def _confirmed_record(root: Path, service: str, digest: str, environment: str) -> str:
    attested = attested_record(root, service, digest)
    return _confirmed(root / record_of(service, digest), attested, environment)


def _confirmed(file: Path, attested: Attested, environment: str) -> str:
    """Check who issued the certificate; beyond the first environment nothing goes on without that."""
    try:
        attestations.confirm(file, attested)
    except Unavailable as fault:
        if environment != ORDER[0]:
            raise
        return fault.detail
    return ""


def _ours(environment: str) -> str:
    return load_environment(environment).github.repository


def _carry_out(releases: Releases, change: Change, *, dry_run: bool, as_json: bool) -> None:
    changed = change.was != change.becomes
    if changed and not dry_run:
        releases.write(change.environment, change.service, change.becomes)
    named = str(releases.file(change.environment, change.service).relative_to(releases.root))
    if as_json:
        told = {
            "environment": change.environment, "service": change.service, "file": named, "changed": changed,
            "written": changed and not dry_run, "before": change.was.model_dump(), "after": change.becomes.model_dump(),
            "note": change.note, "unchecked": change.unchecked,
        }  # fmt: skip
        sys.stdout.write(json.dumps(told, indent=1) + "\n")
    elif changed:
        before_, after = change.was.text().splitlines(True), change.becomes.text().splitlines(True)
        sys.stdout.writelines(difflib.unified_diff(before_, after, f"a/{named}", f"b/{named}"))
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    if not changed:
        err.print(f"nothing to do: {change.note or f'{named} says so already'}", markup=False)
    elif change.note:
        err.print(change.note, markup=False)
    if change.unchecked:
        err.print(f"not checked: {change.unchecked}", style="yellow", markup=False)
    if changed and dry_run:
        err.print("dry run: nothing was written", markup=False)
