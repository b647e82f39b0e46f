"""The verb `careslot preview`: what is shown, what is JSON, what ends with 1."""

from __future__ import annotations

import json
from io import StringIO

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from infra.recording.exposure import exposed
from pipelines import preview
from services.kernel.errors import Invalid
from tests.fixtures.estate import recorded, stack

pytestmark = pytest.mark.xdist_group("estate")


def app() -> typer.Typer:
    """Return the verb as an app of its own."""
    made = typer.Typer()
    preview.register(made)
    return made


def test_words_name_stacks_environments_or_everything() -> None:
    assert [s.name for s in preview.chosen(["prod-routing", "dev-foundation"])] == ["dev-foundation", "prod-routing"]
    assert {s.environment for s in preview.chosen(["dev"])} == {"dev"}
    assert len(preview.chosen([])) == 14
    with pytest.raises(Invalid, match="no stack is called 'qa'"):
        preview.chosen(["qa"])


def test_summary_counts_types_and_says_what_is_public() -> None:
    out = StringIO()
    preview.show([recorded("dev")["dev-us-east-1"]], Console(file=out, highlight=False, width=preview.WIDE))
    lines = out.getvalue().splitlines()
    assert ["aws:ec2/subnet:Subnet", "3"] in [line.split() for line in lines]
    (public,) = [line for line in lines if "joins the network to the internet" in line]
    assert "infra/components/network.py:" in public


def test_json_holds_whole_graphs() -> None:
    ran = CliRunner().invoke(app(), ["dev-foundation", "--json"])
    assert ran.exit_code == 0
    (only,) = json.loads(ran.stdout)["stacks"]
    assert only["stack"] == "dev-foundation"
    assert {r["type"] for r in only["resolved"]["resources"]} >= {"aws:kms/key:Key"}
    assert only["faults"] == []


def test_the_internet_reaches_nothing_but_the_apis_sign_in_and_the_way_out() -> None:
    assert {resource.type for resource, _ in exposed(stack("prod-us-east-1"))} == {
        "aws:apigateway/restApi:RestApi",
        "aws:cognito/userPoolDomain:UserPoolDomain",
        "aws:ec2/internetGateway:InternetGateway",
    }
