"""The recorder in the engine's place: what it keeps of a registration, and what it refuses."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as kubernetes
import pytest

from environments.model import Environment
from infra.outputs import RegionOutputs, publish, read
from infra.stacks import Stack
from services.kernel.errors import Invalid
from tests.fixtures.estate import Box, in_a_box, planted

pytestmark = pytest.mark.xdist_group("estate")


def test_two_resources_of_one_name_are_an_error_that_names_the_first() -> None:
    def make(box: Box) -> None:
        for _ in range(2):
            aws.sqs.Queue("queue", opts=box.child())

    with pytest.raises(
        Exception, match=r"a second resource is called 'queue' \(the first: tests/infra/recording/test_monitor.py:"
    ):
        in_a_box(make)


def test_what_an_account_happens_to_hold_may_not_be_asked() -> None:
    def make(box: Box) -> None:
        aws.ec2.get_ami(owners=["amazon"], opts=pulumi.InvokeOptions(parent=box))

    with pytest.raises(Invalid, match="aws:ec2/getAmi:getAmi, for which the recorder has no answer"):
        in_a_box(make)


def test_only_stacks_deployed_before_are_read_and_only_what_they_publish() -> None:
    def later(_: Environment) -> None:
        read(RegionOutputs, Stack.parse("dev-us-east-1"))

    with pytest.raises(Invalid, match="the outputs of stack 'dev-us-east-1' may not be read; readable: none"):
        planted(later, "dev-foundation")

    def lacking(_: Environment) -> None:
        publish(read(RegionOutputs, Stack.parse("dev-foundation")))

    with pytest.raises(Invalid, match="dev-us-east-1: KeyError: 'vpc_id'"):
        planted(lacking, "dev-us-east-1")


def test_options_dependencies_and_secrets_are_kept() -> None:
    def make(box: Box) -> None:
        queue = aws.sqs.Queue("queue", opts=box.child(protect=True))
        aws.ssm.Parameter(
            "parameter", type="SecureString", value=pulumi.Output.secret("hush"), description=queue.arn,
            opts=box.child(depends_on=[queue], ignore_changes=["value"]),
        )  # fmt: skip

    graph = in_a_box(make).resolved
    (queue,) = graph.of_type("aws:sqs/queue:Queue")
    (parameter,) = graph.of_type("aws:ssm/parameter:Parameter")
    assert queue.options == {"protect": True}
    assert parameter.options == {"ignoreChanges": ["value"]}
    assert parameter.secrets == ("value",)
    assert parameter.depends_on == (queue.urn,)
    assert parameter.property_depends_on == {"description": (queue.urn,)}
    assert graph.mentioned(parameter) == (queue,)
    (box_,) = graph.of_type("careslot:estate:Box")
    assert set(graph.within(box_)) == {queue, parameter}


def test_remote_components_and_kubernetes_objects_are_recorded_and_checked() -> None:
    def make(box: Box) -> None:
        cluster = eks.Cluster("cluster", vpc_id="vpc-1", endpoint_public_access=False, opts=box.child())
        provider = kubernetes.Provider("kubernetes", kubeconfig=cluster.kubeconfig_json, opts=box.child())
        metadata: Any = {"name": "settings", "labls": {}}
        kubernetes.core.v1.ConfigMap(
            "settings",
            metadata=metadata,
            opts=pulumi.ResourceOptions(parent=box, provider=provider),
        )
        kubernetes.apiextensions.CustomResource(
            "application",
            api_version="argoproj.io/v1alpha1",
            kind="Application",
            spec={"project": "platform"},
            opts=pulumi.ResourceOptions(parent=box, provider=provider),
        )

    recording = in_a_box(make)
    (cluster,) = recording.resolved.of_type("eks:index:Cluster")
    assert cluster.remote
    assert cluster.tags["data-class"] == "internal"
    assert [fault.what for fault in recording.faults] == ["metadata.labls: no such property: did you mean 'labels'?"]
