"""Recordings: the same every time, and JSON."""

from __future__ import annotations

import json

import pytest

from environments.model import load_environment
from infra.recording.record import run
from infra.stacks import Stack
from tests.fixtures.estate import recorded

pytestmark = pytest.mark.xdist_group("estate")


def test_recording_again_gives_the_same() -> None:
    environment = load_environment("dev")
    stack = Stack.parse("dev-us-east-1")
    published = {"dev-foundation": recorded("dev")["dev-foundation"].resolved.outputs}
    assert run(stack, environment, published, known=True) == recorded("dev")[stack.name].resolved


def test_a_recording_is_json() -> None:
    told = json.loads(json.dumps(recorded("dev")["dev-us-east-1"].as_dict()))
    subnet = next(r for r in told["resolved"]["resources"] if r["type"] == "aws:ec2/subnet:Subnet")
    assert subnet["place"]["file"] == "infra/components/network.py"
    assert len(told["unresolved"]["resources"]) == len(told["resolved"]["resources"])
