"""Build the zip that a service's functions run from, the way AWS Lambda takes them, for AWS and for the
emulator.

Two targets, because compiled wheels (asyncpg, pydantic-core) fit one interpreter each, and the emulator runs
every function under its own. Both hold the packages pinned in `requirements/lambda.txt`, `services.kernel`,
`services.contracts` and the one service. boto3 is left out: AWS's runtime brings it, and so does the
emulator's environment.

The kernel goes in whole (it is small text); what a handler must not do is import a module of it that needs
what `requirements/lambda.txt` leaves out (`kernel.http`, `kernel.runtime`, `kernel.access`).

The bytes are a function of the inputs: sorted names, one timestamp, fixed modes; so Lambda's CodeSha256
changes when, and only when, the code does. The emulator unpacks the zip for every new worker, so its target
also holds byte code (hash-based, never checked): a cold start without compiling takes half as long.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from services.contracts.topology import FUNCTION_ARCHITECTURE, FUNCTION_RUNTIME
from services.local.child import CannotStart

ROOT = Path(__file__).resolve().parents[2]
RECIPE = "2"  # change it when this module builds differently from the same inputs
SHARED = ("kernel", "contracts")
LEFT_OUT_FOLDERS = {"__pycache__", "migrations", "bin"}
OUR_VERBS = "cli.py"
LEFT_OUT_FILES = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", ".lock"}
MIDNIGHT_1980 = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say
KEPT_ZIPS = 3


@dataclass(frozen=True, slots=True)
class Target:
    """Where the code will run: `name` for files, `uv` what the installer is told, `compiler` who makes byte
    code.
    """

    name: str
    uv: tuple[str, ...]
    compiler: Path | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """A built zip and its hash as Lambda's CodeSha256 gives it (base64 of SHA-256)."""

    path: Path
    sha256: str

    def read(self) -> bytes:
        """Return the zip's bytes."""
        return self.path.read_bytes()


# As uv calls the platforms of Lambda's architectures; its runtimes have the C library of Amazon Linux 2023.
_PLATFORMS = {"arm64": "aarch64-manylinux_2_28"}
AWS_TARGET = Target(
    f"aws-{FUNCTION_RUNTIME}-{FUNCTION_ARCHITECTURE}",
    (
        "--python-platform", _PLATFORMS[FUNCTION_ARCHITECTURE],
        "--python-version", FUNCTION_RUNTIME.removeprefix("python"),
        "--only-binary", ":all:",
    ),
)  # fmt: skip


def emulator_target(python: Path) -> Target:
    """Describe the emulator's interpreter; two of different version or build get different zips."""
    asked = (
        "import platform, sys, sysconfig;"
        "print(sys.implementation.cache_tag, platform.python_version(), sysconfig.get_platform())"
    )
    tag, version, platform = subprocess.check_output([python, "-I", "-c", asked], text=True).split()
    return Target(f"emulator-{tag}-{version}-{platform}", ("--python", str(python)), python)


def build(
    service: str,
    target: Target,
    *,
    services: Path = ROOT / "services",
    requirements: Path = ROOT / "requirements" / "lambda.txt",
    cache: Path = ROOT / ".cache" / "lambda",
) -> Package:
    """Return the service's zip for the target, building it when an input has changed since the last time.

    `services` is the folder of the package `services`. Raises CannotStart when the pinned packages cannot be
    had. Safe to call from several processes at once.
    """
    sources = _sources(services, service)
    inputs = hashlib.sha256()
    for part in (RECIPE, target.name, requirements.read_text("utf-8")):
        inputs.update(part.encode())
    for name, path in sources:
        inputs.update(f"\0{name}\0".encode())
        inputs.update(path.read_bytes())
    path = cache / f"{service}-{target.name}-{inputs.hexdigest()[:20]}.zip"
    with _alone(cache):
        if not path.exists():
            dependencies = _dependencies(target, requirements, cache)
            _assemble(path, sources, dependencies, target)
            _forget_old(cache, f"{service}-{target.name}-*.zip")
    digest = hashlib.sha256(path.read_bytes()).digest()
    return Package(path, base64.b64encode(digest).decode())


def _sources(services: Path, service: str) -> list[tuple[str, Path]]:
    """List what goes in of our own code, as (name in the zip, file), sorted by name."""
    files = [services / "__init__.py"]
    for package in (*SHARED, service):
        files += [path for path in (services / package).rglob("*") if path.is_file()]
    named = [(f"services/{path.relative_to(services).as_posix()}", path) for path in files]
    return sorted((name, path) for name, path in named if _goes_in(name))


def _goes_in(name: str) -> bool:
    *folders, file = name.split("/")
    return (
        file not in {OUR_VERBS, *LEFT_OUT_FILES} and not file.endswith(".pyc") and LEFT_OUT_FOLDERS.isdisjoint(folders)
    )


def _dependencies(target: Target, requirements: Path, cache: Path) -> Path:
    """Return a zip of the pinned packages for the target, installing and packing them when they changed."""
    key = hashlib.sha256(f"{RECIPE}\0{target.name}\0{requirements.read_text('utf-8')}".encode()).hexdigest()[:20]
    path = cache / f"packages-{target.name}-{key}.zip"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=cache, prefix="making-") as temporary:
        folder, packed = Path(temporary) / "packages", Path(temporary) / "packed.zip"
        command = [find_uv_bin(), "pip", "install", "--quiet", "--no-config", "--no-deps", "--require-hashes"]
        command += ["--link-mode", "copy", "--target", str(folder), *target.uv, "--requirement", str(requirements)]
        environment = {"UV_CACHE_DIR": str(ROOT / ".cache" / "uv"), **os.environ}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotStart(f"the functions' packages cannot be installed for {target.name}:\n{done.stderr.strip()}")
        if target.compiler is not None:
            _compile(target.compiler, folder)
        _pack(packed, _tree(folder), fast=target.compiler is not None)
        packed.rename(path)
    _forget_old(cache, f"packages-{target.name}-*")
    return path


def _assemble(path: Path, sources: list[tuple[str, Path]], dependencies: Path, target: Target) -> None:
    """Add our code to a copy of the packed packages, which are most of the work and seldom change."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="making-") as temporary:
        own, packed = Path(temporary) / "own", Path(temporary) / "packed.zip"
        for name, source in sources:
            (own / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, own / name)
        if target.compiler is not None:
            _compile(target.compiler, own)
        shutil.copyfile(dependencies, packed)
        _pack(packed, _tree(own), fast=target.compiler is not None)
        packed.rename(path)


def _tree(folder: Path) -> dict[str, Path]:
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: path for name, path in files.items() if path.name not in LEFT_OUT_FILES and not name.startswith("bin/")
    }


def _pack(path: Path, files: dict[str, Path], *, fast: bool) -> None:
    """Add the files to a zip, new or not, the same way on every machine."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1 if fast else 9) as archive:
        for name, file in sorted(files.items()):
            entry = zipfile.ZipInfo(name, MIDNIGHT_1980)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is built, so that the modes count
            entry.external_attr = (0o100755 if file.suffix == ".so" else 0o100644) << 16
            archive.writestr(entry, file.read_bytes())


def _compile(python: Path, folder: Path) -> None:
    """Make byte code that is the same on every machine: no folder of ours in it, no time, one hash seed."""
    subprocess.run(
        [python, "-m", "compileall", "-q", "-s", folder, "--invalidation-mode", "unchecked-hash", folder],
        env={"PYTHONHASHSEED": "0", "PATH": os.defpath},
        check=False,  # a file for another Python version stays source
        capture_output=True,
    )


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _forget_old(cache: Path, pattern: str) -> None:
    for path in sorted(cache.glob(pattern), key=lambda found: found.stat().st_mtime)[:-KEPT_ZIPS]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
