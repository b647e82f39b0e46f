"""`careslot audit verify`: words for people, JSON for machines, and an exit code for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.audit.cli import verbs
from services.kernel.errors import Unavailable
from services.local.aws import Aws, client_environment
from services.local.environment import write_environments
from services.local.state import Layout
from tests.services.audit.chains import entry
from tests.services.audit.conftest import AuditTrail, Tamper


@pytest.fixture
def platform(trail: AuditTrail, aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command find this trail as it finds the platform of this machine."""
    told = {"CARESLOT_DATABASE_URL": trail.dsn, "CARESLOT_ANCHOR_BUCKET": trail.bucket}
    told |= client_environment(aws.endpoint_url)
    write_environments(Layout(tmp_path), {"audit": told})
    monkeypatch.setenv("CARESLOT_HOME", str(tmp_path))
    for name in told:
        # Set and taken away again, so that what the command puts there goes when the test ends.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def verify(*options: str) -> Result:
    return CliRunner().invoke(verbs, ["verify", *options])


@pytest.mark.usefixtures("platform")
async def test_an_untouched_trail_is_said_to_be_whole(trail: AuditTrail) -> None:
    import asyncio

    await trail.take([entry(n) for n in range(5)])
    await trail.anchor()
    result = await asyncio.to_thread(verify)
    assert (result.exit_code, result.exception) == (0, None), result.output
    assert "whole and unchanged (1 chains, 5 entries, 1 anchors" in result.stdout


@pytest.mark.usefixtures("platform")
async def test_tampering_is_told_and_exits_1(trail: AuditTrail, tamper: Tamper) -> None:
    import asyncio

    entries = [entry(n) for n in range(5)]
    await trail.take(entries)
    tamper("UPDATE entries SET record = replace(record, 'user-', 'nobody-') WHERE seq = 3")
    result = await asyncio.to_thread(verify, "--service", "booking", "--day", "2027-01-04", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["sound"] is False and told["entries"] == 5
    [finding] = told["findings"]
    expected = {"kind": "changed", "service": "booking", "day": "2027-01-04", "seq": 3, "entry_id": str(entries[2].id)}
    assert {name: finding[name] for name in expected} == expected
    text = await asyncio.to_thread(verify)
    assert f"changed: booking 2027-01-04 #3 entry {entries[2].id}" in text.stdout
    assert (await asyncio.to_thread(verify, "--day", "2027-01-05")).exit_code == 0


@pytest.mark.usefixtures("platform")
def test_what_is_not_understood_exits_2() -> None:
    assert verify("--day", "yesterday").exit_code == 2
    unknown = verify("--service", "nobody")
    assert unknown.exit_code == 2
    assert "booking" in unknown.output


def test_without_a_platform_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARESLOT_HOME", str(tmp_path))
    monkeypatch.delenv("CARESLOT_DATABASE_URL", raising=False)
    result = verify()
    assert isinstance(result.exception, Unavailable)
    assert "careslot up" in result.exception.detail
