"""What a build is asked for, and the bill of what goes in."""

from __future__ import annotations

import json
import re
import stat
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines import attestations
from pipelines.images.building import PREFIX, in_images, verbs
from pipelines.releases import checked
from services.contracts.catalogue import catalogue
from services.kernel.errors import Invalid, Unavailable
from tests.pipelines import attesting

DISTRIBUTED_AS = {"dateutil": "python-dateutil", "jwt": "pyjwt", "yaml": "pyyaml", "yoyo": "yoyo-migrations"}
# Loaded by `careslot slotting evaluate` alone (services/availability/adapters/noshow_statistics.py).
OF_THE_COMMAND = {"sklearn", "threadpoolctl"}
BASE = "registry.example/python@sha256:" + "1" * 64
# Writes its words down, and the digest that a registry would answer where it is asked to.
BUILDAH = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/words.txt"
[ "$1" = push ] && printf 'sha256:%064d' 7 > "$3"
[ "$FAIL" = "$1" ] && { echo "no space left" >&2; exit 3; }
exit 0
"""


@pytest.fixture
def buildah(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in of buildah, alone on PATH with git; the file of what it was asked."""
    program = tmp_path / "buildah"
    program.write_text(BUILDAH, "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", attesting.path_with(tmp_path))
    return tmp_path / "words.txt"


def ask(*words: str) -> Result:
    return CliRunner().invoke(verbs, [*words], catch_exceptions=False)


def test_an_image_is_built_pushed_and_told_by_digest(buildah: Path) -> None:
    done = ask("build", "booking", "--base", BASE, "--push", attesting.REGISTRY, "--json")
    told = json.loads(done.stdout)
    assert told["image"] == f"{attesting.REGISTRY}/careslot/booking"
    assert checked(told["digest"]).endswith("7")
    built, pushed = buildah.read_text("utf-8").splitlines()
    for part in (f"BASE={BASE}", f"BUILD_BASE={BASE}", "SERVICE=booking", f"PORT={catalogue()['booking'].port}"):
        assert f"--build-arg {part} " in built
    assert pushed.endswith(f"{told['image']}:{told['revision']}")


def test_a_base_is_named_by_digest(buildah: Path) -> None:
    for base in ("python:3.13-slim", "python", "python@sha256:12"):
        with pytest.raises(Invalid, match="name a base by its digest"):
            ask("build", "booking", "--base", base)
        with pytest.raises(Invalid, match="name a base by its digest"):
            ask("build", "booking", "--base", BASE, "--build-base", base)
    assert not buildah.exists()


def test_what_cannot_be_built_is_said(buildah: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="nothing runs from no image; these do: audit, availability"):
        ask("build", "nothing", "--base", BASE)
    monkeypatch.setenv("FAIL", "build")
    with pytest.raises(Exception, match=r"(?s)`buildah build` ended with 3:.*no space left"):
        ask("build", "booking", "--base", BASE)
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    with pytest.raises(Unavailable, match="apt-get install buildah"):
        ask("build", "booking", "--base", BASE)


def test_the_bill_lists_what_is_pinned_the_same_each_time(tmp_path: Path, root: Path) -> None:
    out = tmp_path / "sbom" / "booking.json"
    assert "packages" in ask("sbom", "booking", "--out", str(out)).stdout
    bill = json.loads(out.read_text("utf-8"))
    listed = {f"{one['name']}=={one['version']}" for one in bill["components"]}
    pinned = (root / "requirements/image.txt").read_text("utf-8")
    assert {"asyncpg", "fastapi", "uvicorn"} <= {one.partition("==")[0] for one in listed}
    assert all(f"{one} " in pinned.lower() or one.partition("==")[0] in pinned for one in listed)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == f"{PREFIX}/booking"
    assert ask("sbom", "booking").stdout == out.read_text("utf-8")
    with pytest.raises(Invalid, match="nothing runs from no image"):
        ask("sbom", "nothing")


def test_what_services_import_is_in_their_images(root: Path) -> None:
    """A service that came to need a package would start everywhere but in production."""
    pins = (root / "requirements/image.txt").read_text("utf-8")
    pinned = set(re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==", pins, re.MULTILINE))
    needed: dict[str, Path] = {}
    for part in ("kernel", "contracts", *in_images()):
        for file in (root / "services" / part).rglob("*.py"):
            if "cli" not in file.parts:
                named = re.findall(r"^ *(?:from|import) ([a-z0-9_]+)", file.read_text("utf-8"), re.MULTILINE)
                needed |= dict.fromkeys(named, file)
    foreign = needed.keys() - sys.stdlib_module_names - {"services"} - OF_THE_COMMAND
    # Types of boto3 are there for the type checker alone.
    missing = {name: needed[name] for name in foreign if not name.startswith("types_")
               and DISTRIBUTED_AS.get(name, name.replace("_", "-")) not in pinned}  # fmt: skip
    assert {"fastapi", "jwt"} <= foreign
    assert missing == {}


def test_images_are_called_the_same_everywhere() -> None:
    assert PREFIX == attestations.PREFIX
    assert "booking" in in_images()
