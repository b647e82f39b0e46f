"""Whether the released services understand the events of this version, and this version theirs.

During a canary both publish and both consume, and a queue holds events of the other for days: unlike a request's, a
change must pass in both directions. What remains is a new field that nobody has to fill.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pipelines.compatibility.schemas import Judge, Schema, Side
from pipelines.findings import Finding
from services.kernel.errors import Unavailable

PATH = Path("services/contracts/events")
TODO = "leave this version as it is and publish the next one beside it (NAME.v2)"
STRICT, MINDING = Judge(), Judge(gone=True)
# Run in a checkout, so that its own code tells what its events are: what is read of one, and what is sent.
TELL = """
import json
from services.contracts.events import EVENTS
print(json.dumps({name: {"taken": event.model_json_schema(), "sent": event.model_json_schema(mode="serialization")}
                  for name, event in EVENTS.items()}))
"""


def events_of(checkout: Path) -> dict[str, dict[str, Schema]]:
    """Return each event's schemas as the code of a checkout has them: what is ``taken``, what is ``sent``."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, "-c", TELL], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Unavailable(f"{checkout}: its events cannot be read: {last}")
    told: dict[str, dict[str, Schema]] = json.loads(done.stdout)
    return told


def compare(released: Mapping[str, Mapping[str, Schema]], now: Mapping[str, Mapping[str, Schema]]) -> list[Finding]:
    """Return what the one version would not understand of the other."""
    found: list[Finding] = []
    for name, old in sorted(released.items()):
        path = str(PATH / f"{name.partition('.')[0]}.py")
        if name not in now:
            found.append(Finding(path, name, "is gone; queues may hold it, and released services wait for it", TODO))
            continue
        new = now[name]
        forth = MINDING.faults(_side(old["taken"]), _side(new["sent"]))
        back = STRICT.faults(_side(new["taken"]), _side(old["sent"]))
        told = [(where, f"{what} by the released services") for where, what in forth]
        told += [(where, f"{what} by this version") for where, what in back]
        found += [Finding(path, f"{name} {where}".strip(), what, TODO) for where, what in told]
    return found


def _side(schema: Schema) -> Side:
    return Side(schema, schema)
