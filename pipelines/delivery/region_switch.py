"""AWS's Region switch as the drill sees it: a port, and the adapter that asks ARC in the region that takes over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from services.kernel.errors import Forbidden, Invalid, NotFound, Unavailable

# How ARC names an execution that ended, and how one that ended well.
ENDED = frozenset({"completed", "completedWithExceptions", "canceled", "planExecutionTimedOut", "failed"})
WELL = "completed"


@dataclass(frozen=True, slots=True)
class Plan:
    """A Region switch plan as one region knows it: the regions it can activate, each with its steps in order."""

    arn: str
    primary: str
    objective_minutes: int
    steps: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What ARC's own half-hourly look at a plan found: ``passed`` or not, and its standing warnings."""

    state: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution of a plan: its state in ARC's words, each step's status, and how long it took once it ended."""

    state: str
    steps: Mapping[str, str]
    seconds: float | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED


class RegionSwitch(Protocol):
    """What the drill asks of Region switch; every call goes to the region named, and to no other."""

    def plan(self, name: str, region: str) -> Plan:
        """Return the plan as ``region`` knows it."""
        ...

    def evaluation(self, arn: str, region: str) -> Evaluation:
        """Return what the last evaluation found."""
        ...

    def running(self, arn: str, region: str) -> str | None:
        """Return the id of an execution that has not ended, or None."""
        ...

    def start(self, arn: str, target: str, comment: str) -> str:
        """Start moving to ``target`` gracefully, asked of ``target``; return the execution's id."""
        ...

    def execution(self, arn: str, region: str, id_: str) -> Execution:
        """Return how an execution stands."""
        ...


class ArcRegionSwitch:
    """ARC Region switch by boto3."""

    def __init__(self, client: Any = None) -> None:
        """Take ``client(region)``, which gives a region's client; boto3's if none is given."""
        self._client = client or _client

    def plan(self, name: str, region: str) -> Plan:
        """Return the plan as ``region`` knows it; raise NotFound if it knows none of this name."""
        client = self._client(region)
        with _told(region):
            found = [p for page in _pages(client.list_plans_in_region) for p in page["plans"] if p["name"] == name]
            if not found:
                raise NotFound(f"{region} knows no Region switch plan {name!r}")
            plan = client.get_plan_in_region(arn=found[0]["arn"])["plan"]
        return Plan(
            arn=plan["arn"],
            primary=plan.get("primaryRegion", ""),
            objective_minutes=plan.get("recoveryTimeObjectiveMinutes", 0),
            steps={
                flow["workflowTargetRegion"]: tuple(step["name"] for step in flow["steps"])
                for flow in plan["workflows"]
                if flow["workflowTargetAction"] == "activate"
            },
        )

    def evaluation(self, arn: str, region: str) -> Evaluation:
        """Return what the last evaluation found, with the warnings that still stand."""
        with _told(region):
            pages = list(_pages(self._client(region).get_plan_evaluation_status, planArn=arn))
        warnings = [one for page in pages for one in page.get("warnings", ()) if one["warningStatus"] == "active"]
        told = tuple(f"{one.get('stepName', 'plan')}: {one['warningMessage']}" for one in warnings)
        return Evaluation(pages[0].get("evaluationState", "unknown"), told)

    def running(self, arn: str, region: str) -> str | None:
        """Return the id of an execution that has not ended, or None."""
        with _told(region):
            pages = list(_pages(self._client(region).list_plan_executions, planArn=arn))
        executions = [execution for page in pages for execution in page["items"]]
        return next((e["executionId"] for e in executions if e["executionState"] not in ENDED), None)

    def start(self, arn: str, target: str, comment: str) -> str:
        """Start moving to ``target``, gracefully: nothing that was written is given up."""
        with _told(target):
            started = self._client(target).start_plan_execution(
                planArn=arn, targetRegion=target, action="activate", mode="graceful", comment=comment
            )
        return str(started["executionId"])

    def execution(self, arn: str, region: str, id_: str) -> Execution:
        """Return how an execution stands."""
        with _told(region):
            pages = list(_pages(self._client(region).get_plan_execution, planArn=arn, executionId=id_))
        first = pages[0]
        took = (first["endTime"] - first["startTime"]).total_seconds() if first.get("endTime") else None
        steps = {step["name"]: step["status"] for page in pages for step in page.get("stepStates", ())}
        return Execution(first["executionState"], steps, took)


def _client(region: str) -> Any:
    import boto3

    return boto3.client("arc-region-switch", region_name=region)


def _pages(ask: Any, **words: str) -> Iterator[Mapping[str, Any]]:
    page = ask(**words)
    yield page
    while token := page.get("nextToken"):
        page = ask(**words, nextToken=token)
        yield page


@contextmanager
def _told(region: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as fault:
        code, why = fault.response["Error"]["Code"], fault.response["Error"].get("Message", "")
        kind = Forbidden if code == "AccessDeniedException" else Invalid
        raise kind(f"Region switch in {region} refused {fault.operation_name}: {code} {why}".rstrip()) from None
    except BotoCoreError as fault:
        raise Unavailable(f"Region switch in {region} did not answer: {fault}") from None
