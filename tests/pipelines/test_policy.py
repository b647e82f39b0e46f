"""`careslot policy`: what stands is told with place, reason and citation, and a control explains itself."""

from __future__ import annotations

import dataclasses
import json
from datetime import date

import pytest
import typer
from typer.testing import CliRunner

from infra.recording.graph import Recording
from pipelines.policy import judge, verbs
from services.kernel.errors import Invalid
from tests.fixtures.estate import recorded

pytestmark = pytest.mark.xdist_group("estate")
TODAY = date(2026, 11, 24)
STACK = "dev-us-east-1"


def dev(*without: str) -> list[Recording]:
    """Return dev's stacks, without resources of some types in the region."""
    found = []
    for recording in recorded("dev").values():
        graph = recording.resolved
        if graph.stack == STACK:
            graph = dataclasses.replace(graph, resources=tuple(r for r in graph.resources if r.type not in without))
        found.append(Recording(graph, graph))
    return found


def test_a_clean_environment_passes_and_tells_its_waivers(capsys: pytest.CaptureFixture[str]) -> None:
    recordings = dev()
    assert judge(recordings, {recording.stack for recording in recordings}, TODAY, as_json=False)
    told = capsys.readouterr().out
    assert "waived until 2027-05-23 by security-official: dev-foundation state-us-east-1 [bucket-access-logged]" in told
    assert " 0 fail, 2 waived, 0 cannot tell" in told


def test_a_failure_is_told_with_reason_remedy_and_citation(capsys: pytest.CaptureFixture[str]) -> None:
    assert not judge(dev("aws:ec2/flowLog:FlowLog"), {STACK}, TODAY, as_json=False)
    told = capsys.readouterr().out
    assert "medium infra/components/network.py:" in told
    assert "no flow log records all of its traffic [vpc-flow-logs]" in told
    assert "hipaa 164.312(b)" in told
    assert "waived" not in told.partition("pass,")[0]


def test_all_of_it_is_there_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert not judge(dev("aws:ec2/flowLog:FlowLog"), {STACK}, TODAY, as_json=True)
    (failure,) = json.loads(capsys.readouterr().out)["failures"]
    assert (failure["rule"], failure["severity"], failure["controls"]) == (
        "vpc-flow-logs",
        "medium",
        ["network-watched"],
    )


def test_an_expired_waiver_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert not judge(dev(), {"dev-foundation"}, date(2027, 6, 1), as_json=False)
    told = capsys.readouterr().out
    assert "waiver of bucket-access-logged for state-us-* in *-foundation: expired on 2027-05-23" in told
    assert "eligibility.yaml: AWS's list was to be read again by 2027-05-23" in told


def explained(*words: str) -> str:
    """Return what `careslot policy explain` prints."""
    ran = CliRunner().invoke(verbs, ["explain", *words])
    if ran.exception:
        raise ran.exception
    return ran.output


@pytest.mark.parametrize("name", ["sessions-end", "sign-in-ends", "164.312(a)(2)(iii)", "01.u"])
def test_a_control_is_explained_by_its_name_a_rule_or_a_citation(name: str) -> None:
    told = explained(name)
    assert "sessions-end (medium)" in told
    assert "HIPAA Security Rule 164.312(a)(2)(iii): Automatic logoff (addressable)" in told
    assert "shown by rule sign-in-ends: Tokens last minutes" in told


def test_a_control_is_there_as_json() -> None:
    assert json.loads(explained("sessions-end", "--json"))[0]["citations"]["hitrust"] == ["01.u"]


@pytest.mark.parametrize(
    ("name", "told"), [("164.314(b)(1)", "not covered, no control cites it"), ("nonsense", "neither a control")]
)
def test_what_cannot_be_explained_is_told(name: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        explained(name)


def test_the_verbs_are_joined() -> None:
    assert isinstance(verbs, typer.Typer)
    assert CliRunner().invoke(verbs, ["check", "--help"]).exit_code == 0
