"""Every service answers any input with what its OpenAPI document says, and never with a 5xx."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.contracts.catalogue import load_catalogue
from services.local.demo.client import signed_in
from tests.journeys.running import Running

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Who may do most of what the service offers, so that most requests come past the gate.
CALLERS = {"audit": "auditor", "directory": "administrator"}
# `make conformance` asks far more; here a fault must only show soon.
THOROUGH = os.environ.get("CARESLOT_CONFORMANCE") == "thorough"
PHASES, EXAMPLES = ("examples,coverage,fuzzing", 15) if THOROUGH else ("examples,fuzzing", 2)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("service", sorted(load_catalogue()))
def test_any_input_gets_a_declared_answer(platform: Running, service: str, tmp_path: Path) -> None:
    gateway = platform.state.gateway
    token = signed_in(platform.state, CALLERS.get(service, "scheduler"))
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{gateway}/{service}/openapi.json",
            "--url", f"{gateway}/{service}", "--header", f"Authorization:Bearer {token}", "--checks", CHECKS,
            "--phases", PHASES, "--max-examples", str(EXAMPLES), "--seed", "2026",
            "--exclude-path-regex", "/stream$",  # a stream does not end; the service's own tests follow it
            "--request-timeout", "15", "--suppress-health-check", "all", "--no-color", "--warnings", "off",
            "--continue-on-failure",
        ],
        capture_output=True, text=True, timeout=380, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-500:]
