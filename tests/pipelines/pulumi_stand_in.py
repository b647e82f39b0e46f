"""Stands in for the command `pulumi`: records what it is asked and answers in the engine's own formats.

It knows stacks that were made, writes an event log, and fails or reports drift where a test says so (files in the
folder PULUMI_STAND_IN). It makes nothing.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["PULUMI_STAND_IN"])
URN = "urn:pulumi:{stack}::careslot::aws:kms/key:Key::keys-phi"
WHEN = "2026-11-23T12:00:00.000Z"


def main(words: list[str]) -> int:
    """Answer one call; return the exit code."""
    words = [word for word in words if word != "--non-interactive"]
    if words == ["version"]:
        print("v3.200.0")
        return 0
    with (FOLDER / "calls.jsonl").open("a", encoding="utf-8") as calls:
        told = {"words": words, "folder": str(Path.cwd()), "state": os.environ.get("PULUMI_BACKEND_URL")}
        calls.write(json.dumps(told) + "\n")
    stack = words[words.index("--stack") + 1] if "--stack" in words else words[2]
    made = FOLDER / "stacks" / stack
    match words[:2]:
        case ["stack", "select"]:
            if not made.exists():
                print(f"error: no stack named '{stack}' found", file=sys.stderr)
                return 255
        case ["stack", "init"]:
            made.parent.mkdir(exist_ok=True)
            made.touch()
        case ["stack", "output"]:
            print("{}")
        case ["stack", "history"]:
            entry = {"kind": "update", "startTime": WHEN, "message": "", "environment": {}, "config": {}}
            print(json.dumps([{**entry, "result": "succeeded", "endTime": WHEN, "resourceChanges": {"create": 1}}]))
        case ["up" | "destroy", _]:
            return change(words, stack)
        case ["refresh", _]:
            return refresh(stack)
    return 0


def change(words: list[str], stack: str) -> int:
    """Write the events of an update that makes (or deletes) one key, or fail."""
    op = "create" if words[0] == "up" else "delete"
    step = {"op": op, "urn": URN.format(stack=stack), "type": "aws:kms/key:Key", "provider": ""}
    failure = read("fail.json").get(stack)
    events: list[dict[str, Any]] = [{"resOutputsEvent": {"metadata": step}}]
    if failure:
        events = [{"diagnosticEvent": {"message": failure, "severity": "error", "color": "never"}}]
    with Path(words[words.index("--event-log") + 1]).open("a", encoding="utf-8") as log:
        log.writelines(
            json.dumps({"sequence": number, "timestamp": 0, **event}) + "\n"
            for number, event in enumerate([*events, {"cancelEvent": {}}])
        )
    if failure:
        print(f"error: {failure}", file=sys.stderr)
    return 255 if failure else 0


def refresh(stack: str) -> int:
    """Print a preview as JSON, with what a test says has drifted."""
    failure = read("fail.json").get(stack)
    if failure:
        print(f"error: {failure}", file=sys.stderr)
        return 255
    drifted = read("drift.json").get(stack, [])
    same = {"op": "same", "urn": URN.format(stack=stack)}
    print(json.dumps({"steps": [same, *drifted], "changeSummary": {"same": 1, "update": len(drifted)}}, indent=4))
    if drifted:
        print("error: no changes were expected but changes occurred", file=sys.stderr)
    return 255 if drifted else 0


def read(name: str) -> dict[str, Any]:
    """Return what a test wrote; nothing if it wrote nothing."""
    file = FOLDER / name
    return dict(json.loads(file.read_text("utf-8"))) if file.exists() else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
