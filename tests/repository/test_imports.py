"""Who may import whom is the architecture; a rule that no build enforces is a wish."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.repository.tree import ROOT, read, services

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def test_import_contracts_are_kept() -> None:
    found = subprocess.run(
        [LINT_IMPORTS, "--cache-dir", ".cache/import-linter", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_service_is_a_stranger_to_the_others() -> None:
    contracts = tomllib.loads(read(Path("pyproject.toml")))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract.get("containers") == ["services"]]
    strangers = {name.strip(" ()") for layer in layers if "|" in layer for name in layer.split("|")}
    assert set(services()) - {"local"} <= strangers
