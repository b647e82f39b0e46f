"""Whether the released code runs on the new schema, shown by the tests that it was released with.

Those tests migrate a real database and drive the released service over HTTP. Here they find this version's migrations
in the place of their own. Only services whose migrations changed are asked: on its own schema a release was tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pipelines.findings import Finding
from services.local.emulator import PYTHON_VARIABLE, emulator_python

# What books, holds, moves and cancels through a service's own routes, over its own database.
TESTS = "tests/services/{service}/test_api*.py"
NO_TEST_RAN = 5
TOLD = 12
TODO = "expand only, and contract in the release after (docs/decisions/0160)"


def texts(checkout: Path) -> dict[str, str]:
    """Return the migrations of a checkout, text by path."""
    found = sorted(checkout.glob("services/*/migrations/*.sql"))
    return {str(file.relative_to(checkout)): file.read_text("utf-8") for file in found}


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """Return the released services whose schema is another one; the kernel's tables are in all of them."""
    differing = {path.split("/")[1] for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    known = {path.split("/")[1] for path in old} - {"kernel"}
    return tuple(sorted(known if "kernel" in differing else known & differing))


def run(checkout: Path, migrations: Mapping[str, str], services: tuple[str, ...]) -> list[Finding]:
    """Run services' released tests in their checkout, over the schema that ``migrations`` make."""
    found: list[Finding] = []
    _lay(checkout, migrations)
    for service in services:
        modules = sorted(str(file.relative_to(checkout)) for file in checkout.glob(TESTS.format(service=service)))
        path = f"services/{service}/migrations"
        if not modules:
            found.append(Finding(path, "", f"nothing shows that the released {service} runs on them", "review by hand"))
            continue
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--no-header", *modules],
            cwd=checkout, env=_environment(checkout), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode == NO_TEST_RAN:
            found.append(Finding(path, "", f"no released test of {service} ran", "review by hand"))
        elif done.returncode:
            found.append(
                Finding(
                    path, "", f"the released {service} does not run on them:\n{_end(done.stdout + done.stderr)}", TODO
                )
            )
    return found


def _lay(checkout: Path, migrations: Mapping[str, str]) -> None:
    for folder in checkout.glob("services/*/migrations"):
        shutil.rmtree(folder)
    for path, text in migrations.items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text(text, "utf-8")


def _environment(checkout: Path) -> dict[str, str]:
    """Return the variables of a run that sees the released code first, and nothing of a run around it.

    The emulated AWS is this checkout's: a released checkout has files alone, and no environment of its own.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}
    return kept | {"PYTHONPATH": str(checkout), PYTHON_VARIABLE: str(emulator_python())}


def _end(printed: str) -> str:
    lines = [line for line in printed.splitlines() if line.startswith(("FAILED", "ERROR", "E  "))]
    return "\n".join((lines or printed.splitlines())[-TOLD:])
