"""Mail of a region: the configuration set that mails name, and that SES tells EventBridge which of them came back.

Without it SES tells the sender's mailbox, which nobody reads. The sender's domain is verified where its DNS is kept.
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.components.base import Component, Scope
from services.contracts.topology import AWS_BUS, MAIL_CONFIGURATION_SET


class Mail(Component):
    """The configuration set and its event destination."""

    data_class = "phi"

    def __init__(self, name: str, scope: Scope, *, parent: pulumi.Resource | None = None) -> None:
        super().__init__(name, scope, parent=parent)
        mails = aws.sesv2.ConfigurationSet(
            name,
            configuration_set_name=MAIL_CONFIGURATION_SET,
            delivery_options=aws.sesv2.ConfigurationSetDeliveryOptionsArgs(tls_policy="REQUIRE"),
            reputation_options=aws.sesv2.ConfigurationSetReputationOptionsArgs(reputation_metrics_enabled=True),
            opts=self.child(),
        )
        aws.sesv2.ConfigurationSetEventDestination(
            name,
            configuration_set_name=mails.configuration_set_name,
            event_destination_name="bounces",
            event_destination=aws.sesv2.ConfigurationSetEventDestinationEventDestinationArgs(
                enabled=True,
                matching_event_types=["BOUNCE", "COMPLAINT"],
                event_bridge_destination=(
                    aws.sesv2.ConfigurationSetEventDestinationEventDestinationEventBridgeDestinationArgs(
                        # SES takes no other bus (SES developer guide, "Set up an EventBridge destination").
                        event_bus_arn=scope.arn("events", f"event-bus/{AWS_BUS}")
                    )
                ),
            ),
            opts=self.child(),
        )
        self.registered()
