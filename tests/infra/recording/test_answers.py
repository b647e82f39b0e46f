"""Answers for AWS: shaped like real ones, each holding the mark of its resource."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws
import pytest

from infra.recording.graph import UNKNOWN
from tests.fixtures.estate import Box, in_a_box

pytestmark = pytest.mark.xdist_group("estate")


def test_outputs_are_shaped_like_those_of_aws_and_unknown_when_they_would_be() -> None:
    def make(box: Box) -> None:
        queue = aws.sqs.Queue("queue", opts=box.child())
        certificate = aws.acm.Certificate("certificate", domain_name="a.example", opts=box.child())
        pulumi.export("arn", queue.arn)
        pulumi.export("record", certificate.domain_validation_options[0].resource_record_name)
        pulumi.export("policy", pulumi.Output.json_dumps({"Resource": queue.arn}))
        pulumi.export("password", pulumi.Output.secret("hush"))

    recording = in_a_box(make)
    (queue,) = recording.resolved.of_type("aws:sqs/queue:Queue")
    outputs = recording.resolved.outputs
    assert outputs["arn"] == f"arn:aws:sqs:us-east-1:111122223333:queue/{queue.mark}"
    assert outputs["record"].startswith("resourcerecordname-rec-")
    assert json.loads(outputs["policy"]) == {"Resource": outputs["arn"]}
    unknown = recording.unresolved.outputs
    assert {unknown["arn"], unknown["record"], unknown["policy"]} == {UNKNOWN}
