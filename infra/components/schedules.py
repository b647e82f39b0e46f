"""What runs on a clock: EventBridge Scheduler, the function it wakes, and where goes what it could not wake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from infra.components.function_permissions import schedule_statements
from infra.components.functions import Functions, FunctionSettings
from infra.components.queues import dead_letter_queue, dead_letter_watches, queue_policy
from infra.components.roles import role, trust
from infra.components.watch import Watch
from services.contracts.topology import SCHEDULES, Schedule

# Schedules are named within a group; services know none, so it needs no environment in its name.
GROUP = "careslot"


@dataclass(frozen=True, slots=True)
class SchedulesArgs:
    """``functions`` makes the functions that schedules wake."""

    functions: Functions
    settings: FunctionSettings
    schedules: Sequence[Schedule] = SCHEDULES


class Schedules(Component):
    """The schedules of a region; off where another region does the work."""

    data_class = "phi"

    def __init__(self, name: str, scope: Scope, args: SchedulesArgs, *, parent: pulumi.Resource | None = None) -> None:
        super().__init__(name, scope, parent=parent)
        self.args = args
        self._watches: list[Watch] = []
        group = aws.scheduler.ScheduleGroup(name, name=GROUP, opts=self.child())
        for schedule in args.schedules:
            self._schedule(group, schedule)
        self.registered()

    @property
    def watches(self) -> tuple[Watch, ...]:
        """What is worth an alarm here."""
        return tuple(self._watches)

    def _schedule(self, group: aws.scheduler.ScheduleGroup, schedule: Schedule) -> None:
        settings = self.args.settings
        dead = dead_letter_queue(self, schedule.dead_letters, settings.phi_key_arn, schedule.retention_days)
        queue_policy(self, schedule.dead_letters, dead, [])
        function = self.args.functions.function(schedule, schedule.name, dead.arn, parent=self)
        aws.lambda_.FunctionEventInvokeConfig(
            schedule.name,
            function_name=function.arn,
            # What the clock asked for once is asked for again by its next tick: an old request is not worth retrying.
            maximum_retry_attempts=schedule.retries,
            maximum_event_age_in_seconds=schedule.max_age_seconds,
            opts=self.child(),
        )
        taken = role(
            self,
            f"{schedule.name}-schedule",
            trust(
                "scheduler.amazonaws.com",
                StringEquals={"aws:SourceAccount": self.scope.environment.account},
                ArnEquals={"aws:SourceArn": self.scope.arn("scheduler", f"schedule-group/{GROUP}")},
            ),
            statements=schedule_statements(function.arn, dead.arn, settings.phi_key_arn),
            description=f"What EventBridge Scheduler may do for {schedule.name}",
            tags={"service": schedule.service},
        )
        aws.scheduler.Schedule(
            schedule.name,
            name=schedule.name,
            group_name=group.name,
            schedule_expression=schedule.expression,
            schedule_expression_timezone="UTC",
            state="ENABLED" if settings.active else "DISABLED",
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            kms_key_arn=settings.phi_key_arn,
            target=aws.scheduler.ScheduleTargetArgs(
                arn=function.arn,
                role_arn=taken.arn,
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_retry_attempts=schedule.retries,
                    maximum_event_age_in_seconds=schedule.max_age_seconds,
                ),
                dead_letter_config=aws.scheduler.ScheduleTargetDeadLetterConfigArgs(arn=dead.arn),
            ),
            opts=self.child(),
        )
        self._watches += [*dead_letter_watches(schedule.dead_letters, dead), *function.watches]
