"""Which stacks are meant, and where their state is; the engine itself is asked in test_deploy.py."""

from __future__ import annotations

import pytest

from environments.model import load_environment
from pipelines.engine import state_address, wanted_stacks
from services.kernel.errors import Invalid


def test_words_choose_stacks_in_deploy_order() -> None:
    prod = load_environment("prod")
    names = [s.name for s in wanted_stacks(prod, ["prod-routing", "prod-foundation"], standby=False)]
    assert names == ["prod-foundation", "prod-routing"]
    assert len(wanted_stacks(prod, [], standby=False)) == 6
    assert {s.region for s in wanted_stacks(prod, [], standby=True)} == {"us-west-2"}
    with pytest.raises(Invalid, match="dev-routing is not of prod"):
        wanted_stacks(prod, ["dev-routing"], standby=False)


def test_each_region_has_its_own_copy_of_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    prod = load_environment("prod")
    addresses = {state_address(prod, region) for region in prod.regions}
    assert len(addresses) == 2
    assert all(address.startswith("s3://careslot-prod-state-333344445555-us-") for address in addresses)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file://elsewhere")
    assert state_address(prod, "us-west-2") == "file://elsewhere"
