"""Mail: what comes back is told where the topology listens for it, and functions may name the configuration set."""

from __future__ import annotations

import json

import pytest

from services.contracts.topology import AWS_BUS, MAIL_CONFIGURATION_SET, SUBSCRIPTIONS
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")
REGIONS = ("dev-us-east-1", "prod-us-west-2")
SIGNALLED = [s for s in SUBSCRIPTIONS if s.signals]


@pytest.mark.parametrize("region", REGIONS)
def test_bounces_and_complaints_reach_the_bus_where_somebody_listens(region: str) -> None:
    graph = stack(region)
    (mails,) = graph.of_type("aws:sesv2/configurationSet:ConfigurationSet")
    assert mails.inputs["configurationSetName"] == MAIL_CONFIGURATION_SET
    assert mails.inputs["deliveryOptions"]["tlsPolicy"] == "REQUIRE"
    (told,) = graph.of_type("aws:sesv2/configurationSetEventDestination:ConfigurationSetEventDestination")
    destination = told.inputs["eventDestination"]
    assert destination["enabled"] is True
    assert destination["matchingEventTypes"] == ["BOUNCE", "COMPLAINT"]
    assert destination["eventBridgeDestination"]["eventBusArn"].endswith(f":event-bus/{AWS_BUS}")
    rules = {rule.inputs["name"]: rule for rule in graph.of_type("aws:cloudwatch/eventRule:EventRule")}
    assert SIGNALLED
    for subscription in SIGNALLED:
        rule = rules[subscription.queue]
        assert rule.inputs["eventBusName"] == AWS_BUS
        assert json.loads(rule.inputs["eventPattern"]) == subscription.pattern


def test_ours_stay_on_our_own_bus() -> None:
    graph = stack("dev-us-east-1")
    rules = {rule.inputs["name"]: rule for rule in graph.of_type("aws:cloudwatch/eventRule:EventRule")}
    ours = {rules[s.queue].inputs["eventBusName"] for s in SUBSCRIPTIONS if not s.signals}
    assert len(ours) == 1 and AWS_BUS not in ours
