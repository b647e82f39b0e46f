"""What `careslot preview` shows beside the summary: differences by property path, and a picture."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer
from typer.testing import CliRunner

from environments.model import load_environment
from infra.stacks import Stack
from pipelines import preview
from pipelines.estate_diff import changes, neutral, recorded_at
from pipelines.estate_picture import boxes, picture
from services.kernel.errors import Invalid
from tests.fixtures.estate import recorded, stack
from tests.repository.tree import ROOT

pytestmark = pytest.mark.xdist_group("estate")


def as_json(name: str) -> dict[str, Any]:
    """Return a stack as `careslot preview --json` tells it."""
    told = json.loads(json.dumps(recorded(Stack.parse(name).environment)[name].as_dict()))
    assert isinstance(told, dict)
    return told


def app() -> typer.Typer:
    """Return the verb as an app of its own."""
    made = typer.Typer()
    preview.register(made)
    return made


def test_added_removed_and_changed_are_told_with_their_paths() -> None:
    before, after = as_json("dev-foundation"), as_json("dev-foundation")
    resources = after["resolved"]["resources"]
    gone = next(r for r in resources if r["name"] == "zone" and r["custom"])
    resources.remove(gone)
    key = next(r for r in resources if r["name"] == "keys-phi")
    policy = json.loads(key["inputs"]["policy"])
    policy["Statement"][0]["Action"] = "kms:Decrypt"
    key["inputs"]["policy"] = json.dumps(policy)
    key["options"]["protect"] = True
    found = changes([before], [after])
    assert [(c.how, c.name, [p.path for p in c.properties]) for c in found] == [
        ("changed", "keys-phi", ["options.protect", "policy.Statement[0].Action"]),
        ("removed", "zone", []),
    ]
    assert [(c.how, c.name) for c in changes([after], [before])] == [("changed", "keys-phi"), ("added", "zone")]
    assert changes([before], [before]) == []


def test_environments_are_compared_without_their_names() -> None:
    dev, prod = load_environment("dev"), load_environment("prod")
    found = changes(neutral([as_json("dev-foundation")], dev), neutral([as_json("prod-foundation")], prod))
    told = {(c.name, p.path) for c in found for p in c.properties}
    assert ("databases-booking", "deletionProtection") in told
    assert ("keys-phi", "options.protect") in told
    assert not [one for one in told if "tags" in one[1] or (one[0].startswith("keys-") and "policy" in one[1])]


def test_a_commit_is_recorded_by_its_own_code(tmp_path: Path) -> None:
    probe = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip("needs the repository's history")
    ran = CliRunner().invoke(app(), ["dev-foundation", "--diff", "HEAD", "--json", "--svg", str(tmp_path / "a.svg")])
    assert ran.exit_code == 0, ran.output
    assert {c["stack"] for c in json.loads(ran.stdout)["changes"]} <= {"dev-foundation"}
    assert (tmp_path / "a.svg").stat().st_size > 1000


def test_what_is_no_commit_is_told() -> None:
    with pytest.raises(Invalid, match="'no-such-thing' is neither an environment nor a commit"):
        recorded_at("no-such-thing", ["dev"])


def test_comparing_an_environment_with_itself_is_refused() -> None:
    ran = CliRunner().invoke(app(), ["dev-foundation", "--diff", "dev"])
    assert isinstance(ran.exception, Invalid)
    assert "say which one environment is compared with dev" in str(ran.exception)


def test_the_picture_has_a_frame_a_stack_and_a_box_a_component() -> None:
    graphs = [stack(name) for name in ("prod-foundation", "prod-us-east-1", "prod-us-west-2", "prod-routing")]
    drawn = picture(graphs)
    root = ElementTree.fromstring(drawn)
    words = [text for element in root.iter("{http://www.w3.org/2000/svg}text") for text in element.itertext()]
    assert {graph.stack for graph in graphs} <= set(words)
    for graph in graphs:
        assert {box.name for box in boxes(graph)} <= set(words)
    assert any("joins the network to the internet" in word for word in words)
    databases = next(box for box in boxes(graphs[1]) if box.name == "database-booking")
    assert databases.data_class == "phi"
    assert "keys" not in databases.uses  # in the primary region the keys are the foundation's
    assert "network" in databases.uses
