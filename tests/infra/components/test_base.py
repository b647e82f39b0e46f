"""What the base does for every component: place, tags, outputs."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
import pytest

from environments.model import Environment
from infra.components.base import Component, Scope
from services.kernel.errors import Invalid
from tests.fixtures.estate import planted, recorded

pytestmark = pytest.mark.xdist_group("estate")


class Shelf(Component):
    """A component for these tests: two queues, one of them for a service."""

    data_class = "phi"
    url: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, tags: dict[str, str] | None = None) -> None:
        super().__init__(name, scope)
        self.url = aws.sqs.Queue(f"{name}-one", tags=tags, opts=self.child()).url
        self.registered()


def shelf(environment: Environment, tags: dict[str, str] | None = None) -> None:
    provider = aws.Provider("aws", region="us-east-1")
    Shelf("shelf", Scope(environment, "us-west-2", (provider,)), tags)


def test_what_a_component_makes_is_placed_and_tagged() -> None:
    (queue,) = planted(shelf).resolved.of_type("aws:sqs/queue:Queue")
    assert queue.region == "us-west-2"
    assert queue.tags == {
        "Name": "careslot-dev-shelf-one",
        "environment": "dev",
        "owner": "platform-engineering",
        "service": "platform",
        "data-class": "phi",
        "managed-by": "pulumi",
    }
    assert queue.parent.endswith("::shelf")
    assert queue.place.file == "tests/infra/components/test_base.py"


def test_own_tags_win_where_they_may_and_nowhere_else() -> None:
    own = {"service": "booking", "data-class": "public", "environment": "prod", "extra": "1"}
    (queue,) = planted(lambda environment: shelf(environment, own)).resolved.of_type("aws:sqs/queue:Queue")
    kept = {key: queue.tags[key] for key in own}
    assert kept == {"service": "booking", "data-class": "public", "environment": "dev", "extra": "1"}


def test_outputs_are_registered_by_their_annotation_and_a_forgotten_one_is_an_error() -> None:
    (component,) = planted(shelf).resolved.of_type("careslot:test_base:Shelf")
    assert component.outputs is not None
    assert str(component.outputs["url"]).startswith("https://rec-")

    class Forgetful(Component):
        data_class = "public"
        url: pulumi.Output[str]

    def forget(environment: Environment) -> None:
        provider = aws.Provider("aws")
        Forgetful("shelf", Scope(environment, "us-east-1", (provider,))).registered()

    with pytest.raises(Invalid, match="AttributeError: 'Forgetful' object has no attribute 'url'"):
        planted(forget)


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_every_stack_is_without_fault(environment: str) -> None:
    faults = [str(fault) for recording in recorded(environment).values() for fault in recording.faults]
    assert not faults
