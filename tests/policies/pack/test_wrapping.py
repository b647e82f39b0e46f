"""The pack as the engine runs it: started by the SDK in its own environment, asked over the analyzer protocol.

What that shows and calling a policy directly hides: numbers arrive as doubles, containers as proxies, unknowns as
texts that end a policy which reads them.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from infra.recording.graph import UNKNOWN, Graph, Resource
from policies.rules.every import RULES
from policies.rules.judging import judged
from tests.fixtures.estate import recorded
from tests.policies.rules.samples import Sample, samples
from tests.repository.tree import ROOT

pytestmark = pytest.mark.xdist_group("estate")
PYTHON = ROOT / ".venv-policy" / "bin" / "python"
# How the protocol says "a text that is not known yet".
WIRE_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
NOTES = {"resource-cannot-tell-or-waived", "stack-cannot-tell-or-waived"}
MANDATORY = analyzer_pb2.EnforcementLevel.Value("MANDATORY")
RESOURCE_RULES = {rule.id for rule in RULES.values() if rule.scope == "resource"}
STACK_RULES = {rule.id for rule in RULES.values() if rule.scope == "stack"}


class Pack:
    """The running pack, asked as the engine asks."""

    def __init__(self, stub: analyzer_pb2_grpc.AnalyzerStub) -> None:
        self.stub = stub

    def of_resource(self, resource: Resource) -> list[Any]:
        """Return the diagnostics of one resource, as before it is made."""
        request = analyzer_pb2.AnalyzeRequest(
            type=resource.type, urn=resource.urn, name=resource.name, properties=_struct(resource.inputs)
        )
        return list(self.stub.Analyze(request).diagnostics)

    def of_stack(self, graph: Graph) -> list[Any]:
        """Return the diagnostics of a stack, as at its end."""
        request = analyzer_pb2.AnalyzeStackRequest(resources=[_resource(resource) for resource in graph.resources])
        return list(self.stub.AnalyzeStack(request).diagnostics)


@pytest.fixture(scope="module")
def pack() -> Iterator[Pack]:
    """Start the pack as `pulumi preview --policy-pack policies/pack` does."""
    assert PYTHON.exists(), "the pack has an environment of its own: make install"
    process = subprocess.Popen(
        [PYTHON, "-u", "-m", "pulumi.policy", "127.0.0.1:1", ROOT / "policies" / "pack"],
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
        # As from the engine: nothing of this project on the path.
        env={"PATH": os.environ["PATH"]},
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port.isdigit(), "the pack did not say its port"
        with grpc.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        ) as channel:
            yield Pack(analyzer_pb2_grpc.AnalyzerStub(channel))
    finally:
        process.kill()
        process.wait()


def _struct(inputs: Any) -> Struct:
    return ParseDict(_wired(inputs), Struct())


def _wired(value: Any) -> Any:
    """Return inputs as the engine sends them."""
    if isinstance(value, dict):
        return {key: _wired(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_wired(below) for below in value]
    return WIRE_UNKNOWN if value == UNKNOWN else value


def _resource(resource: Resource) -> Any:
    return analyzer_pb2.AnalyzerResource(
        type=resource.type,
        urn=resource.urn,
        name=resource.name,
        parent=resource.parent,
        properties=_struct(resource.inputs),
        propertyDependencies={
            name: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns)
            for name, urns in resource.property_depends_on.items()
        },
        options=analyzer_pb2.AnalyzerResourceOptions(protect=bool(resource.options.get("protect"))),
    )


def stopping(diagnostics: list[Any]) -> set[str]:
    """Return the policies that stop a deployment."""
    return {one.policyName for one in diagnostics if one.enforcementLevel == MANDATORY}


def judged_here(sample: Sample, stacks: list[Graph]) -> dict[str, str]:
    """Return our own verdicts of a sample by resource."""
    return {finding.urn: finding.verdict.value for finding in judged([RULES[sample.rule]], stacks)}


def test_the_pack_has_every_rule_that_one_stack_can_show(pack: Pack) -> None:
    info = pack.stub.GetAnalyzerInfo(Struct())
    policies = {policy.name: policy for policy in info.policies}
    assert policies.keys() == RESOURCE_RULES | STACK_RULES | NOTES
    assert RULES.keys() - policies.keys() == {rule.id for rule in RULES.values() if rule.scope == "environment"}
    for name in RESOURCE_RULES | STACK_RULES:
        policy = policies[name]
        assert policy.enforcementLevel == MANDATORY
        assert policy.remediation_steps == RULES[name].remedy
        assert policy.framework.reference.startswith("164.3")
        assert f"hipaa:{policy.framework.reference}" in policy.tags
        assert policy.severity > 0


@pytest.mark.parametrize("rule", sorted(RESOURCE_RULES))
def test_a_resource_is_judged_as_here(pack: Pack, rule: str) -> None:
    sample = samples()[rule]
    for stacks in (sample.complying(), sample.violating()):
        expected = judged_here(sample, stacks)
        for resource in (resource for graph in stacks for resource in graph.resources if resource.urn in expected):
            said = rule in stopping(pack.of_resource(resource))
            assert said == (expected[resource.urn] == "fail"), expected


def test_an_unknown_is_told_as_advice_and_ends_no_policy(pack: Pack) -> None:
    (graph,) = samples()["database-private"].violating()
    (database,) = graph.resources
    hidden = {**database.inputs, "publiclyAccessible": UNKNOWN}
    diagnostics = pack.of_resource(dataclasses.replace(database, inputs=hidden))
    assert "database-private" not in stopping(diagnostics)
    notes = [one.message for one in diagnostics if one.policyName in NOTES]
    assert any("database-private: cannot tell: publiclyAccessible is not known" in note for note in notes)
    assert not [one.message for one in diagnostics if "can't run policy" in one.message]


def test_the_component_of_the_cluster_is_judged_by_its_inputs(pack: Pack) -> None:
    (graph,) = samples()["cluster-endpoint-private"].violating()
    assert "cluster-endpoint-private" in stopping(pack.of_resource(graph.resources[0]))


def test_a_whole_stack_is_not_stopped_before_it_is_deployed_and_says_what_it_cannot_tell(pack: Pack) -> None:
    told = pack.of_stack(recorded("dev")["dev-us-east-1"].unresolved)
    assert stopping(told) == set()
    assert not [one.message for one in told if "can't run policy" in one.message]
    assert len([one for one in told if one.policyName in NOTES and "cannot tell" in one.message]) > 10


def test_a_hole_in_a_stack_is_told_where_there_is_something_to_tell_of(pack: Pack) -> None:
    (graph,) = samples()["vpc-flow-logs"].violating()
    told = pack.of_stack(graph)
    assert {"vpc-flow-logs", "default-security-group-closed", "region-has-trail"} <= stopping(told)
    (flow_logs,) = [one for one in told if one.policyName == "vpc-flow-logs"]
    assert flow_logs.urn == next(resource.urn for resource in graph.resources if resource.name == "v")
    assert "no flow log records all of its traffic. Add an aws.ec2.FlowLog" in flow_logs.message
