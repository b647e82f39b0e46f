"""Stacks: their names, their order, and that whoever is read was deployed before."""

from __future__ import annotations

import pytest

from environments.model import load_environment
from infra.stacks import Stack, all_stacks, stacks_of
from services.kernel.errors import Invalid


def test_prod_is_deployed_in_this_order() -> None:
    assert [stack.name for stack in stacks_of(load_environment("prod"))] == [
        "prod-foundation",
        "prod-us-east-1",
        "prod-us-east-1-cluster",
        "prod-us-west-2",
        "prod-us-west-2-cluster",
        "prod-routing",
    ]


def test_names_lead_back_to_stacks() -> None:
    assert [Stack.parse(stack.name) for stack in all_stacks()] == list(all_stacks())


@pytest.mark.parametrize("name", ["", "dev", "dev-us-west-2", "test-foundation", "prod-us-east-1-", "Pulumi.prod"])
def test_a_name_of_no_stack_is_told_with_the_names_there_are(name: str) -> None:
    with pytest.raises(Invalid, match=r"there are dev-foundation, "):
        Stack.parse(name)


def test_nothing_reads_what_is_deployed_after_it() -> None:
    for stack in all_stacks():
        order = stacks_of(load_environment(stack.environment))
        assert all(order.index(below) < order.index(stack) for below in stack.reads)


def test_a_region_reads_no_other_region() -> None:
    regional = [stack for stack in all_stacks() if stack.region]
    assert not [stack for stack in regional if any(below.region not in {"", stack.region} for below in stack.reads)]
