"""`careslot deploy`, `destroy` and `drift`, against a stand-in of `pulumi` that records what it is asked.

What the engine itself does is not shown here: that needs the command and an AWS account.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from environments.model import load_environment
from infra.stacks import stacks_of
from pipelines.deploy import differences
from pipelines.main import main
from services.kernel.errors import Invalid
from tests.repository.tree import ROOT

DEV = ["dev-foundation", "dev-us-east-1", "dev-us-east-1-cluster", "dev-routing"]


class Pulumi:
    """The stand-in on PATH, what it was asked, and what a test tells it to answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def says(self, name: str, answer: Mapping[str, Any]) -> None:
        """Let it answer so from now on."""
        (self.folder / f"{name}.json").write_text(json.dumps(answer), "utf-8")

    def calls(self, *begin: str) -> list[dict[str, Any]]:
        """Return the calls that begin with these words."""
        file = self.folder / "calls.jsonl"
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return [call for call in map(json.loads, lines) if call["words"][: len(begin)] == list(begin)]

    def stacks(self, *begin: str) -> list[str]:
        """Return the stacks of those calls, in order."""
        return [call["words"][call["words"].index("--stack") + 1] for call in self.calls(*begin)]


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulumi:
    """Put the stand-in on PATH before everything else."""
    command = tmp_path / "bin" / "pulumi"
    command.parent.mkdir()
    stand_in = Path(__file__).with_name("pulumi_stand_in.py")
    # Isolated and without site-packages: it starts in a blink.
    command.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", "-S", str(stand_in)])} "$@"\n', "utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PULUMI_STAND_IN", str(tmp_path))
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    return Pulumi(tmp_path)


def run(*words: str) -> int:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def test_deploy_runs_the_stacks_in_order_and_tells_what_it_makes(
    pulumi: Pulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("deploy", "dev") == 0
    assert pulumi.stacks("up") == DEV
    calls = pulumi.calls("up", "--yes")
    assert {call["folder"] for call in calls} == {str(ROOT)}
    assert {call["state"] for call in calls} == {"s3://careslot-dev-state-111122223333-us-east-1?region=us-east-1"}
    made = {call["words"][2]: call["words"][4] for call in pulumi.calls("stack", "init")}
    assert made["dev-foundation"] == "awskms://alias/careslot-dev-state?region=us-east-1"
    told = capsys.readouterr().out
    assert "[1/4] deploying dev-foundation" in told
    assert "  create         aws:kms/key:Key keys-phi" in told
    assert "  1 create (" in told


def test_a_stack_that_fails_stops_the_rest_and_says_which(pulumi: Pulumi, capsys: pytest.CaptureFixture[str]) -> None:
    pulumi.says("fail", {"dev-us-east-1": "VpcLimitExceeded: the account has five"})
    assert run("deploy", "dev") == 1
    assert pulumi.stacks("up") == DEV[:2]
    shown = capsys.readouterr()
    assert "error: Pulumi failed: dev-us-east-1: error: VpcLimitExceeded" in shown.err
    assert "not tried: dev-us-east-1-cluster, dev-routing" in shown.err
    assert "  error: VpcLimitExceeded: the account has five" in shown.out


def test_the_standby_is_deployed_alone_with_its_own_copy_of_the_state(pulumi: Pulumi) -> None:
    assert run("deploy", "prod", "--standby", "--yes") == 0
    assert pulumi.stacks("up") == ["prod-us-west-2", "prod-us-west-2-cluster"]
    assert {call["state"] for call in pulumi.calls()} == {
        "s3://careslot-prod-state-333344445555-us-west-2?region=us-west-2"
    }


def test_prod_is_not_touched_before_somebody_said_yes(pulumi: Pulumi, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("deploy", "prod") == 1
    assert run("destroy", "dev") == 1
    assert pulumi.calls() == []
    assert "give --yes to mean it" in capsys.readouterr().err


def test_destroy_goes_backwards_and_knows_what_was_never_there(
    pulumi: Pulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("destroy", "dev", "--yes", "--stack", "dev-routing") == 1
    assert "dev-routing was never deployed" in capsys.readouterr().err
    assert run("deploy", "dev") == 0
    assert run("destroy", "dev", "--yes") == 0
    assert pulumi.stacks("destroy") == DEV[::-1]


def test_drift_asks_without_changing_and_exits_1_when_something_differs(
    pulumi: Pulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("deploy", "dev") == 0
    assert run("drift", "dev") == 0
    words = pulumi.calls("refresh")[0]["words"]
    assert words == ["refresh", "--preview-only", "--expect-no-changes", "--json", "--stack", "dev-foundation"]
    urn = "urn:pulumi:dev-routing::careslot::aws:route53/record:Record::address"
    step = {"op": "update", "urn": urn, "detailedDiff": {"ttl": {"kind": "update"}}}
    pulumi.says("drift", {"dev-routing": [step]})
    capsys.readouterr()
    assert run("drift", "dev", "--json") == 1
    assert json.loads(capsys.readouterr().out) == {
        "drift": [{"stack": "dev-routing", "op": "update", "urn": urn, "properties": ["ttl"]}]
    }
    assert run("drift", "dev", "--stack", "dev-routing") == 1
    assert f"dev-routing: update {urn}: ttl\n1 differences in 1 stacks\n" == capsys.readouterr().out


def test_drift_that_cannot_be_told_is_a_failure_not_a_clean_bill(
    pulumi: Pulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("deploy", "dev", "--stack", "dev-foundation") == 0
    pulumi.says("fail", {"dev-foundation": "ExpiredToken"})
    assert run("drift", "dev", "--stack", "dev-foundation") == 1
    assert "dev-foundation: error: ExpiredToken" in capsys.readouterr().err
    with pytest.raises(Invalid, match="no JSON object"):
        differences("Previewing refresh (dev-foundation)")


def test_without_the_command_it_is_said_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for verb in ("deploy", "destroy", "drift"):
        assert run(verb, "dev") == 1
        told = capsys.readouterr().err
        assert "There is no command `pulumi` here. https://www.pulumi.com/docs/install/" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("deploy", "qa"), "no environment is called 'qa'; there are dev, prod, staging"),
        (("deploy", "dev", "--stack", "prod-routing"), "prod-routing is not of dev"),
        (("drift", "dev", "--standby"), "dev has one region, us-east-1, and no standby"),
    ],
)
def test_a_wrong_word_is_told(words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 1
    assert told in capsys.readouterr().err


def test_the_order_is_the_estates() -> None:
    assert [stack.name for stack in stacks_of(load_environment("dev"))] == DEV
