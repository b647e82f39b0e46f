"""Alarms: each goes to the region's topic, is drawn on a dashboard, and wakes nobody where a region only waits."""

from __future__ import annotations

import json

import pytest

from infra.components.database_watches import FUNCTION_CONNECTIONS, connection_budget, functions_in
from services.contracts.catalogue import load_catalogue
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


@pytest.mark.parametrize("region", ["dev-us-east-1", "prod-us-west-2"])
def test_every_alarm_tells_the_regions_topic_what_is_wrong(region: str) -> None:
    graph = stack(region)
    (topic,) = [topic for topic in graph.of_type("aws:sns/topic:Topic") if topic.name == "alarms"]
    assert topic.inputs["kmsMasterKeyId"] == graph.outputs["key_arns"]["internal"]
    alarms = graph.of_type(ALARM)
    assert len(alarms) > 40
    for alarm in alarms:
        assert alarm.inputs["alarmActions"] == alarm.inputs["okActions"]
        assert topic in graph.mentioned(alarm)
        assert alarm.inputs["alarmDescription"]
        assert alarm.inputs["name"].startswith("careslot-")


def test_what_is_watched_covers_queues_functions_apis_and_databases() -> None:
    alarms = stack("prod-us-east-1").of_type(ALARM)
    watched = {alarm.inputs["namespace"] for alarm in alarms}
    assert watched == {"AWS/SQS", "AWS/Events", "AWS/Lambda", "AWS/ApiGateway", "AWS/WAFV2", "AWS/RDS", "AWS/SNS"}
    graph = stack("prod-us-east-1")
    functions = {function.inputs["name"] for function in graph.of_type("aws:lambda/function:Function")}
    for metric in ("Errors", "Throttles", "Duration"):
        assert functions == {
            alarm.inputs["dimensions"]["FunctionName"] for alarm in alarms if alarm.inputs["metricName"] == metric
        }
    clusters = {cluster.inputs["clusterIdentifier"] for cluster in graph.of_type("aws:rds/cluster:Cluster")}
    for metric in ("DatabaseConnections", "AuroraGlobalDBRPOLag"):
        assert clusters == {
            alarm.inputs["dimensions"]["DBClusterIdentifier"]
            for alarm in alarms
            if alarm.inputs["metricName"] == metric
        }


def test_a_waiting_region_wakes_nobody_for_queues_that_fill() -> None:
    def silent(region: str) -> set[str]:
        return {a.inputs["metricName"] for a in stack(region).of_type(ALARM) if not a.inputs["actionsEnabled"]}

    assert silent("prod-us-east-1") == set()
    assert silent("prod-us-west-2") == {"ApproximateAgeOfOldestMessage"}


def test_dashboards_draw_what_the_alarms_watch() -> None:
    graph = stack("prod-us-east-1")
    boards = graph.of_type("aws:cloudwatch/dashboard:Dashboard")
    assert {board.inputs["dashboardName"] for board in boards} == {
        f"careslot-prod-{name}-us-east-1" for name in ("api", "databases", "functions", "queues", "security")
    }
    drawn = [widget for board in boards for widget in json.loads(board.inputs["dashboardBody"])["widgets"]]
    assert len(drawn) == len([a for a in graph.of_type(ALARM) if a.name.startswith("watch-")])
    assert {widget["properties"]["region"] for widget in drawn} == {"us-east-1"}
    places = [(w["x"], w["y"]) for w in json.loads(boards[0].inputs["dashboardBody"])["widgets"]]
    assert len(set(places)) == len(places)


def test_only_this_account_writes_to_the_topic() -> None:
    graph = stack("prod-us-east-1")
    (policy,) = [p for p in graph.of_type("aws:sns/topicPolicy:TopicPolicy") if p.name == "alarms"]
    for statement in json.loads(policy.inputs["policy"])["Statement"]:
        if statement["Effect"] == "Allow":
            assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "333344445555"}}


def test_a_databases_budget_is_every_process_and_function_at_its_bound() -> None:
    services = load_catalogue()
    booking = services["booking"]
    assert booking.database is not None
    assert connection_budget("booking", services, 7) == booking.database.connections * booking.scaling.max + 7
    assert functions_in("booking", services) == 0
    assert functions_in("shared", services) % FUNCTION_CONNECTIONS == 0
    assert functions_in("shared", services) > 0
