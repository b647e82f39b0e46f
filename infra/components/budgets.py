"""What an account may cost: people hear of it before the month is over, and of a jump on the day it happens."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from environments.model import Budget
from infra.components.base import Component, Scope

# Percent of the month's budget that was spent, and that will be if it goes on like this.
SPENT, FORECAST = (50, 80, 100), (100,)
# A service that costs so much of the month's budget more than expected, on one day, is worth a message.
JUMP_PERCENT = 1


@dataclass(frozen=True, slots=True)
class SpendingArgs:
    """``budget`` is the environment's."""

    budget: Budget


class Spending(Component):
    """The month's budget, and a watch over what each AWS service costs a day."""

    data_class = "internal"
    budget_name: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: SpendingArgs) -> None:
        super().__init__(name, scope)
        people = list(args.budget.notify)
        at = [("ACTUAL", percent) for percent in SPENT] + [("FORECASTED", percent) for percent in FORECAST]
        budget = aws.budgets.Budget(
            name,
            name=scope.named("monthly"),
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args.budget.monthly_usd),
            limit_unit="USD",
            notifications=[
                aws.budgets.BudgetNotificationArgs(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                    subscriber_email_addresses=people,
                )
                for kind, percent in at
            ],
            opts=self.child(),
        )
        self.budget_name = budget.name
        self._jumps(args.budget.monthly_usd * JUMP_PERCENT / 100, people)
        self.registered()

    def _jumps(self, usd: float, people: list[str]) -> None:
        monitor = aws.costexplorer.AnomalyMonitor(
            self.name,
            name=self.scope.named("services"),
            monitor_type="DIMENSIONAL",
            monitor_dimension="SERVICE",
            opts=self.child(),
        )
        aws.costexplorer.AnomalySubscription(
            self.name,
            name=self.scope.named("jumps"),
            frequency="DAILY",
            monitor_arn_lists=[monitor.arn],
            subscribers=[
                aws.costexplorer.AnomalySubscriptionSubscriberArgs(type="EMAIL", address=address) for address in people
            ],
            threshold_expression=aws.costexplorer.AnomalySubscriptionThresholdExpressionArgs(
                dimension=aws.costexplorer.AnomalySubscriptionThresholdExpressionDimensionArgs(
                    key="ANOMALY_TOTAL_IMPACT_ABSOLUTE", match_options=["GREATER_THAN_OR_EQUAL"], values=[f"{usd:g}"]
                )
            ),
            opts=self.child(),
        )
