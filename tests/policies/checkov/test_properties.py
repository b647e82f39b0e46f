"""Names and nesting as Terraform has them; a name its provider does not have is an error."""

import json
from importlib.metadata import version

import pytest

from environments.model import names
from policies.checkov.derive import schema, used
from policies.checkov.properties import FILE, Unmapped, candidates, known, terraform
from tests.fixtures.estate import recorded

pytestmark = pytest.mark.xdist_group("estate")

MODULE = """
    synthesizeHclAttributes() {
        const attrs = {
            name: {
                value: cdktn.stringToHclTerraform(this._name),
                isBlock: false,
                type: "simple",
                storageClassType: "string",
            },
            rule: {
                value: cdktn.listMapperHcl(awsThingRulePropertyToHclTerraform, true)(this._rule.internalValue),
                isBlock: true,
                type: "list",
                storageClassType: "AwsThing.RulePropertyList",
            },
        };
    }
function awsThingRulePropertyToHclTerraform(struct) {
    const attrs = {
        days: {
            value: cdktn.numberToHclTerraform(struct.days),
            isBlock: false,
            type: "simple",
            storageClassType: "number",
        },
    };
}
"""


def test_the_wheel_tells_values_and_blocks() -> None:
    assert schema(MODULE) == {"name": "", "rule": [{"days": ""}]}


def test_plural_lists_become_singular_blocks_and_single_objects_lists() -> None:
    types = {"aws:x/thing:Thing": {"terraform": "aws_x_thing", "properties": schema(MODULE)}}
    given = {"name": "a", "rules": [{"days": 3}, {"days": 4}]}
    assert terraform("aws:x/thing:Thing", given, types) == (
        "aws_x_thing",
        {"name": "a", "rule": [{"days": 3}, {"days": 4}]},
    )
    assert terraform("aws:x/thing:Thing", {"rule": {"days": 3}, "name": None}, types)[1] == {"rule": [{"days": 3}]}


@pytest.mark.parametrize(
    ("type_", "inputs", "named"),
    [
        ("aws:sqs/queue:Queue", {"kmsMasterKeyIdd": "x"}, "aws:sqs/queue:Queue.kmsMasterKeyIdd"),
        ("aws:sqs/quueue:Queue", {}, "aws:sqs/quueue:Queue"),
    ],
)
def test_a_mistyped_name_is_an_error_that_names_it(type_: str, inputs: dict[str, str], named: str) -> None:
    with pytest.raises(Unmapped, match=named):
        terraform(type_, inputs)


def test_what_is_committed_is_what_terraform_may_call_each_type() -> None:
    assert all(entry["terraform"] in candidates(type_) for type_, entry in known().items())


def test_the_map_holds_the_types_the_estate_uses_and_no_others() -> None:
    graphs = [recording.resolved for name in names() for recording in recorded(name).values()]
    resources = [{"type": one.type, "read": one.read, "inputs": {}} for graph in graphs for one in graph.resources]
    assert known().keys() == used([{"resources": resources}]).keys()


def test_the_map_is_of_the_provider_that_ours_is_made_from() -> None:
    # Pulumi's provider 7 is made from Terraform's 6 (its release notes).
    of_map = json.loads(FILE.read_text("utf-8"))["provider"]
    assert int(version("pulumi_aws").split(".")[0]) - 1 == int(of_map.split(".")[0])
