"""Bases made here, of Debian's packages: no registry of images can be reached from where tests run.

They take minutes, so they are kept in .cache/images. What they have of this machine is where it gets packages from.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / ".cache" / "images"
NEEDED = ("buildah", "podman", "debootstrap", "runc")
BASE, BUILD_BASE = "localhost/careslot-base:bookworm", "localhost/careslot-build-base:bookworm"
SUITE = "bookworm"
OF_THE_MACHINE = ("etc/pip.conf", "etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt")


def missing() -> list[str]:
    """Return the programs that are not here."""
    return [name for name in NEEDED if shutil.which(name) is None]


def bases() -> tuple[str, str]:
    """Return the base of an image, and that of its build: the same with pip; made if they are not there."""
    if not _there(BASE):
        tree = FOLDER / "base"
        _bootstrap(tree, "python3,ca-certificates")
        _import(tree, BASE)
        _bootstrap(tree, "python3,ca-certificates,python3-pip")
        for name in OF_THE_MACHINE:
            if (source := Path("/", name)).exists():
                shutil.copyfile(source, tree / name)
        _import(tree, BUILD_BASE)
        shutil.rmtree(tree)
    return BASE, BUILD_BASE


def run(*words: str, timeout: float = 600) -> str:
    """Run a command; what it printed, or an error with the end of what it said."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=timeout)
    assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}"
    return done.stdout


def _there(image: str) -> bool:
    return subprocess.run(["podman", "image", "exists", image], check=False).returncode == 0


def _bootstrap(tree: Path, packages: str) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    kept = FOLDER / "packages"
    kept.mkdir(exist_ok=True)
    run("debootstrap", "--variant=minbase", f"--cache-dir={kept}", f"--include={packages}", SUITE, str(tree))


def _import(tree: Path, image: str) -> None:
    archive = tree.with_suffix(".tar")
    run("tar", "-C", str(tree), "-cf", str(archive), ".")
    run("podman", "import", str(archive), image)
    archive.unlink()
