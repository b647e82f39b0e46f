"""A child does not outlive what holds it, however that ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.local import leash
from tests.fixtures.waiting import eventually, gone

PARENT = """
import sys, time
from pathlib import Path
from services.local.child import Child
child = Child("it", [sys.executable, "-c", "import time; time.sleep(60)"], log=Path(sys.argv[1]))
child.start()
print(child.pid, child._process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("victim", ["parent", "leash"])
def test_it_does_not_outlive_what_holds_it(tmp_path: Path, victim: str) -> None:
    if victim == "leash" and sys.platform != "linux":
        pytest.skip("only Linux tells a child that its parent died")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True, cwd=Path.cwd(),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        assert parent.stdout is not None
        child, leash = (int(number) for number in parent.stdout.readline().split())
        assert not gone(child)
        os.kill(parent.pid if victim == "parent" else leash, signal.SIGKILL)
        assert eventually(lambda: gone(child))
        assert eventually(lambda: gone(leash))
    finally:
        parent.kill()
        parent.communicate()


def test_it_runs_with_nothing_installed_and_passes_both_outputs_on(tmp_path: Path) -> None:
    say = "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(5)"
    spec: leash.Spec = {"command": [sys.executable, "-c", say], "user": None, "group": None, "stop": 15, "grace": 1.0}
    with subprocess.Popen(
        [sys.executable, "-I", "-S", leash.__file__, json.dumps(spec)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env={},
    ) as held:  # fmt: skip
        assert held.stdout is not None
        assert held.stderr is not None
        assert int(held.stdout.read()) > 0, "the program's process id"
        assert held.stderr.read() == "out\nerr\n"
        assert held.wait() == 5
