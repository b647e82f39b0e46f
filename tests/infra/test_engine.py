"""The program as the engine runs it: from infra/, with the installed project on the path and nothing else of ours."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

from tests.fixtures.estate import stack
from tests.repository.tree import ROOT, files

pytestmark = pytest.mark.xdist_group("estate")

# What the engine's language host does for `main: infra`: runs the folder, which puts the folder on the path.
RUN = """
import asyncio, gc, json, runpy, sys
gc.disable()
import pulumi
from pulumi.runtime import run_in_stack
from pulumi.runtime.mocks import set_mocks
from pulumi.runtime.settings import set_root_resource
from environments.model import load_environment
from infra.recording.monitor import Recorder
recorder = Recorder(load_environment("dev"), "us-east-1", known=True, published=json.load(sys.stdin))
asyncio.set_event_loop(loop := asyncio.new_event_loop())
set_mocks(recorder.mocks, project="careslot", stack=sys.argv[1], preview=False, monitor=recorder)
set_root_resource(None)
sys.path.insert(0, ".")
loop.run_until_complete(run_in_stack(lambda: runpy.run_path(".", run_name="__main__") and None))
print(json.dumps(sorted(recorder.made)))
"""


def test_the_program_runs_from_its_own_folder() -> None:
    """Without PYTHONPATH, user site or working directory on the path (-I); what is made is what a preview shows."""
    foundation, region = stack("dev-foundation"), stack("dev-us-east-1")
    ran = subprocess.run(
        [sys.executable, "-I", "-c", RUN, region.stack],
        cwd=ROOT / "infra",
        input=json.dumps({foundation.stack: foundation.outputs}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == sorted(region.by_urn)


def test_nothing_beside_the_program_hides_the_standard_library() -> None:
    beside = {file.parts[1].removesuffix(".py") for file in files() if file.parts[0] == "infra" and len(file.parts) > 1}
    assert not beside & sys.stdlib_module_names


def test_project_file_names_what_is_there() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text("utf-8"))
    assert (ROOT / project["main"] / "__main__.py").is_file()
    assert list((ROOT / project["stackConfigDir"]).glob("Pulumi.*.yaml"))
    assert project["runtime"]["options"]["virtualenv"] == ".venv"
