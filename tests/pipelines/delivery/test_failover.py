"""The drill asks every region by itself, moves only when told to, and says what it did not test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from environments.model import load_environment
from pipelines.delivery.failover import Drill, _target, move, rehearse
from pipelines.delivery.region_switch import ArcRegionSwitch, Evaluation, Execution, Plan
from services.kernel.errors import Conflict, Forbidden, Invalid, NotFound

PROD = load_environment("prod")
ARN = "arn:aws:arc-region-switch::333344445555:plan/careslot-prod-switch:abc"
STEPS = ("approval", "pods", "database-booking", "database-shared", "addresses")
EAST, WEST = "us-east-1", "us-west-2"


@dataclass
class Switch:
    """Region switch in memory; what each region says can be changed."""

    plans: dict[str, Plan] = field(
        default_factory=lambda: {r: Plan(ARN, EAST, 30, {EAST: STEPS, WEST: STEPS}) for r in (EAST, WEST)}
    )
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    busy: dict[str, str] = field(default_factory=dict)
    course: list[Execution] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def plan(self, name: str, region: str) -> Plan:
        assert name == "careslot-prod-switch"
        self.asked.append(f"plan {region}")
        return self.plans[region]

    def evaluation(self, arn: str, region: str) -> Evaluation:
        return self.evaluations.get(region, Evaluation("passed", ()))

    def running(self, arn: str, region: str) -> str | None:
        return self.busy.get(region)

    def start(self, arn: str, target: str, comment: str) -> str:
        self.asked.append(f"start {target}")
        return "run-1"

    def execution(self, arn: str, region: str, id_: str) -> Execution:
        self.asked.append(f"look {region}")
        return self.course.pop(0) if len(self.course) > 1 else self.course[0]


def rehearsed(switch: Switch) -> Drill:
    drill = Drill("prod")
    assert rehearse(PROD, switch, drill) == (ARN, 30)
    return drill


def test_a_fit_plan_passes_and_nothing_is_moved() -> None:
    switch = Switch()
    drill = rehearsed(switch)
    assert drill.wrong == []
    assert len(drill.tested) == 7
    assert switch.asked == [f"plan {EAST}", f"plan {WEST}"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"plans": {EAST: Plan(ARN, EAST, 30, {EAST: STEPS, WEST: STEPS}), WEST: Plan(ARN, EAST, 30, {EAST: STEPS})}},
         "no steps to activate us-west-2"),
        ({"evaluations": {WEST: Evaluation("actionRequired", ("pods: no such cluster",))}}, "pods: no such cluster"),
        ({"evaluations": {EAST: Evaluation("unknown", ())}}, "unknown; no warning says why"),
        ({"busy": {WEST: "run-0"}}, "execution run-0 has not ended"),
        ({"plans": {r: Plan(ARN, EAST, 30, {EAST: STEPS, WEST: STEPS[1:]}) for r in (EAST, WEST)}}, "they differ"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(change: Mapping[str, Any], told: str) -> None:
    drill = rehearsed(Switch(**change))
    assert any(told in wrong for wrong in drill.wrong), drill.wrong


def moved(course: list[Execution], seconds: float = 600) -> tuple[Drill, list[str], Switch]:
    told: list[str] = []
    drill, switch = Drill("prod"), Switch(course=course)
    move(switch, (ARN, WEST, 30), drill, seconds, told.append, lambda _seconds: None)
    return drill, told, switch


def test_a_move_is_followed_to_its_end() -> None:
    waiting = Execution("pendingManualApproval", {"approval": "pendingApproval"})
    done = Execution("completed", dict.fromkeys(STEPS, "completed"), 900.0)
    drill, told, switch = moved([waiting, waiting, done])
    assert drill.wrong == []
    assert drill.tested == [f"moved to {WEST} by 5 steps", "moved within the plan's objective of 30 minutes"]
    assert switch.asked == [f"start {WEST}", *[f"look {WEST}"] * 3]
    assert len(told) == 3, "the same is not told twice"


@pytest.mark.parametrize(
    ("ended", "wrong"),
    [
        (Execution("completed", dict.fromkeys(STEPS, "completed"), 2400.0), "it took 40 minutes"),
        (Execution("failed", {"approval": "completed", "pods": "failed"}, 60.0), "failed, not completed: pods"),
        (Execution("completedWithExceptions", {"pods": "skipped"}, 60.0), "not completed: pods"),
        (Execution("canceled", {}, 60.0), "no step"),
    ],
)
def test_a_move_that_went_wrong_fails(ended: Execution, wrong: str) -> None:
    drill, _, _ = moved([ended])
    assert any(wrong in line for line in drill.wrong), drill.wrong


def test_a_move_nobody_approves_is_not_waited_for_for_ever() -> None:
    with pytest.raises(Conflict, match="has not ended after 10 minutes"):
        moved([Execution("pendingManualApproval", {})])


def test_where_to_move_must_make_sense() -> None:
    assert _target(PROD, "", execute=True) == WEST
    assert _target(PROD, EAST, execute=True) == EAST
    with pytest.raises(Invalid, match="nowhere to move"):
        _target(load_environment("dev"), "", execute=False)
    with pytest.raises(Invalid, match="only --execute"):
        _target(PROD, WEST, execute=False)
    with pytest.raises(Invalid, match="prod is not in eu-west-1"):
        _target(PROD, "eu-west-1", execute=True)


class Client:
    """ARC's client: answers from a table of operations, a page at a time."""

    def __init__(self, answers: Mapping[str, list[dict[str, Any]]]) -> None:
        self.answers = {name: list(pages) for name, pages in answers.items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def ask(**words: Any) -> dict[str, Any]:
            self.asked.append((operation, words))
            if operation not in self.answers:
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
            return self.answers[operation].pop(0)

        return ask


def test_arc_is_asked_in_the_region_named_and_through_all_pages() -> None:
    flow = {"workflowTargetAction": "activate", "workflowTargetRegion": WEST, "steps": [{"name": "pods"}]}
    client = Client(
        {
            "list_plans_in_region": [{"plans": [{"name": "x", "arn": "x"}], "nextToken": "2"},
                                     {"plans": [{"name": "careslot-prod-switch", "arn": ARN}]}],
            "get_plan_in_region": [{"plan": {"arn": ARN, "primaryRegion": EAST, "workflows": [flow]}}],
            "get_plan_evaluation_status": [{"evaluationState": "actionRequired", "warnings": [
                {"stepName": "pods", "warningMessage": "gone", "warningStatus": "active"},
                {"stepName": "pods", "warningMessage": "old", "warningStatus": "resolved"}]}],
            "list_plan_executions": [{"items": [{"executionId": "1", "executionState": "completed"}], "nextToken": "2"},
                                     {"items": [{"executionId": "2", "executionState": "inProgress"}]}],
            "start_plan_execution": [{"executionId": "3"}],
            "get_plan_execution": [{"executionState": "completed", "startTime": datetime(2026, 1, 1, tzinfo=UTC),
                                    "endTime": datetime(2026, 1, 1, 0, 10, tzinfo=UTC),
                                    "stepStates": [{"name": "pods", "status": "completed"}]}],
        }
    )  # fmt: skip
    regions: list[str] = []

    def connected(region: str) -> Client:
        regions.append(region)
        return client

    switch = ArcRegionSwitch(connected)
    assert switch.plan("careslot-prod-switch", WEST) == Plan(ARN, EAST, 0, {WEST: ("pods",)})
    assert switch.evaluation(ARN, WEST) == Evaluation("actionRequired", ("pods: gone",))
    assert switch.running(ARN, WEST) == "2"
    assert switch.start(ARN, WEST, "drill") == "3"
    assert switch.execution(ARN, WEST, "3") == Execution("completed", {"pods": "completed"}, 600.0)
    assert set(regions) == {WEST}
    started = dict(client.asked)["start_plan_execution"]
    assert (started["mode"], started["action"], started["targetRegion"]) == ("graceful", "activate", WEST)


def test_arcs_answers_fit_its_own_model() -> None:
    """Hold the operations and members the adapter names against botocore's model of the service."""
    import boto3

    model = boto3.client("arc-region-switch", region_name=WEST).meta.service_model
    outputs = {
        "ListPlansInRegion": {"plans", "nextToken"}, "GetPlanInRegion": {"plan"},
        "GetPlanEvaluationStatus": {"evaluationState", "warnings", "nextToken"},
        "ListPlanExecutions": {"items", "nextToken"}, "StartPlanExecution": {"executionId"},
        "GetPlanExecution": {"executionState", "stepStates", "startTime", "endTime", "nextToken"},
    }  # fmt: skip
    for operation, members in outputs.items():
        assert members <= set(model.operation_model(operation).output_shape.members), operation
    assert {"planArn", "targetRegion", "action", "mode", "comment"} <= set(
        model.operation_model("StartPlanExecution").input_shape.members
    )


def test_what_arc_refuses_is_told() -> None:
    with pytest.raises(Forbidden, match="us-west-2 refused start_plan_execution"):
        ArcRegionSwitch(lambda _region: Client({})).start(ARN, WEST, "drill")
    with pytest.raises(NotFound, match="us-west-2 knows no Region switch plan 'x'"):
        ArcRegionSwitch(lambda _region: Client({"list_plans_in_region": [{"plans": []}]})).plan("x", WEST)
