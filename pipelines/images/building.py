"""`careslot image build` and `sbom`: an image of a service by digest, and the bill of what goes into it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.contracts.catalogue import Service, catalogue
from services.kernel.errors import CareslotError, Invalid, Unavailable

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path("pipelines/images")
DOCKERFILE = FOLDER / "Dockerfile"
PREFIX = "careslot"
BY_DIGEST = re.compile(r"^[\w.:/-]+@sha256:[0-9a-f]{64}$")
# An image that is on this machine only cannot be anything else than what it is.
HERE = "localhost/"
BILLS = ROOT / ".venv-images" / "bin" / "cyclonedx-py"
REQUIREMENTS = {"image": Path("requirements/image.txt"), "functions": Path("requirements/lambda.txt")}

verbs = typer.Typer(help="Build services' images, and tell what is in them.", no_args_is_help=True)


class BuildFailed(CareslotError):
    """The builder could not make the image."""

    title = "The image was not built"


def in_images() -> dict[str, Service]:
    """Return the services that run from an image: all but those that are functions alone."""
    return {name: service for name, service in catalogue().items() if service.runs_on != "lambda"}


@verbs.command("list")
def list_them(
    in_clusters: Annotated[bool, typer.Option("--in-clusters", help="Only those released by a file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as a JSON list, on one line.")] = False,
) -> None:
    """List the services that run from an image."""
    found = sorted(name for name, one in in_images().items() if one.runs_on == "eks" or not in_clusters)
    typer.echo(json.dumps(found) if as_json else "\n".join(found))


@verbs.command("build")
def build(
    service: Annotated[str, typer.Argument(help="The service.", metavar="SERVICE")],
    base: Annotated[str, typer.Option(envvar="CARESLOT_IMAGE_BASE", help="Image with Python: NAME@sha256:...")],
    build_base: Annotated[
        str | None, typer.Option(envvar="CARESLOT_IMAGE_BUILD_BASE", help="The same Python with pip; BASE if not said.")
    ] = None,
    push: Annotated[str | None, typer.Option(help="Registry to push to; it needs a login.", metavar="REGISTRY")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print image and digest as JSON.")] = False,
) -> None:
    """Build a service's image with buildah, and push it if asked; tell its digest."""
    entry = _entry(service)
    for named in (base, build_base or base):
        if not (BY_DIGEST.match(named) or named.startswith(HERE)):
            raise Invalid(f"{named}: name a base by its digest (NAME@sha256:...), a tag is another image tomorrow")
    buildah = shutil.which("buildah")
    if buildah is None:
        raise Unavailable("there is no `buildah` here: on Debian and Ubuntu `apt-get install buildah`")
    told = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    revision = _run("git", "rev-parse", "HEAD").strip()
    image = f"{push or HERE.rstrip('/')}/{PREFIX}/{service}:{revision}"
    told.print(f"building {image}")
    arguments = {"BASE": base, "BUILD_BASE": build_base or base, "SERVICE": service, "REVISION": revision}
    arguments["PORT"] = str(entry.port)
    words = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    # In Docker's format, because OCI's has no health check. One timestamp: the same commit gives the same layers.
    _run(
        buildah, "build", "--format", "docker", "--timestamp", "0", "--layers=false", "--network", "host",
        *words, "--file", str(DOCKERFILE), "--tag", image, ".",
    )  # fmt: skip
    digest = _push(buildah, image) if push else _run(buildah, "inspect", "--format", "{{.FromImageDigest}}", image)
    name = image.rpartition(":")[0]
    if as_json:
        json.dump({"service": service, "image": name, "digest": digest.strip(), "revision": revision}, sys.stdout)
        sys.stdout.write("\n")
    else:
        typer.echo(f"{name}@{digest.strip()}")


@verbs.command("sbom")
def sbom(
    service: Annotated[str, typer.Argument(help="The service.", metavar="SERVICE")],
    functions: Annotated[bool, typer.Option("--functions", help="Of the zip of its functions, not the image.")] = False,
    out: Annotated[Path | None, typer.Option(help="File to write; standard output if not said.")] = None,
) -> None:
    """Write the bill of the packages that go into an image or a zip (CycloneDX 1.6): what is pinned, by hash.

    The base's own packages are on its own bill; the registry's scan sees both.
    """
    _entry(service)
    if not BILLS.exists():
        raise Unavailable(f"{BILLS.relative_to(ROOT)} is not installed: `make install`")
    pinned = REQUIREMENTS["functions" if functions else "image"]
    text = _run(
        str(BILLS), "requirements", str(pinned), "--output-reproducible", "--output-format", "JSON",
        "--spec-version", "1.6", "--no-validate",
    )  # fmt: skip
    document = json.loads(text)
    document["metadata"]["component"] = {
        "type": "application" if functions else "container",
        "name": f"{PREFIX}/{service}",
        "bom-ref": f"{'function' if functions else 'image'}:{service}",
    }
    written = json.dumps(document, indent=1, sort_keys=True) + "\n"
    if out is None:
        sys.stdout.write(written)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(written, "utf-8")
    typer.echo(f"{out}: {len(document['components'])} packages")


def _entry(service: str) -> Service:
    known = in_images()
    if service not in known:
        raise Invalid(f"{service} runs from no image; these do: {', '.join(sorted(known))}")
    return known[service]


def _push(buildah: str, image: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "digest"
        _run(buildah, "push", "--digestfile", str(kept), image)
        return kept.read_text("utf-8")


def _run(*words: str) -> str:
    """Run a command at the root; its last lines are told when it fails."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise BuildFailed(f"`{Path(words[0]).name} {words[1]}` ended with {done.returncode}:\n{last}")
    return done.stdout
