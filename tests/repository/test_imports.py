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
    """Hold by a pattern, so that a new service is one without a line here: only local, contracts and kernel are not."""
    contracts = tomllib.loads(read(Path("pyproject.toml")))["tool"]["importlinter"]["contracts"]
    (strangers,) = [contract for contract in contracts if contract["type"] == "independence"]
    assert strangers["modules"] == ["services.*"]
    for allowed in strangers["ignore_imports"]:
        source, _, target = allowed.partition(" -> ")
        assert source == "services.local.**" or target.split(".")[1] in {"contracts", "kernel"}, allowed
    assert services()
