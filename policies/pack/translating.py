"""What the engine hands a policy, as the recorded resources our rules read.

The protocol has only doubles for numbers, wraps mappings and lists so that reading an unknown ends the policy, and says
"unknown" by one of seven texts. Here integers are integers again, containers plain, and unknowns the rules' own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pulumi_policy import PolicyResource, PolicyResourceOptions, ResourceValidationArgs, StackValidationArgs, proxy
from pulumi_policy.deserialize import serialize_properties

from infra.recording.graph import OURS, REFERENCE_TYPE, STACK_TYPE, UNKNOWN, Graph, Place, Resource

UNKNOWNS = {value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_")}
LAYERS = ("foundation", "routing", "cluster")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
# Made by a provider's own component: the engine has its inputs, as a recording has.
REMOTE = "eks:index:"


def plain(value: Any) -> Any:
    """Return properties without wrapping, as rules read them."""
    if isinstance(value, Mapping):
        return {str(key): plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [plain(below) for below in value]
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWNS else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def alone(args: ResourceValidationArgs) -> Graph:
    """Return one resource as a stack of its own: what is known of the others while it is made, which is nothing."""
    return _graph(args.urn, (_resource(args.urn, args.resource_type, args.props, args.opts, {}),))


def together(args: StackValidationArgs) -> Graph:
    """Return a whole stack."""
    resources = tuple(_of(resource) for resource in args.resources if resource.resource_type != STACK_TYPE)
    return _graph(args.resources[0].urn if args.resources else "", resources)


def _of(given: PolicyResource) -> Resource:
    depends = {name: _urns(of) for name, of in given.property_dependencies.items() if of}
    return _resource(given.urn, given.resource_type, given.props, given.opts, depends)


def _urns(resources: Iterable[PolicyResource]) -> tuple[str, ...]:
    return tuple(resource.urn for resource in resources)


def _resource(
    urn: str,
    type_: str,
    props: Mapping[str, Any],
    options: PolicyResourceOptions,
    depends: Mapping[str, tuple[str, ...]],
) -> Resource:
    ours = type_.startswith(OURS)
    return Resource(
        urn=urn,
        type=type_,
        name=urn.rpartition("::")[2],
        mark="",
        parent=options.parent or "",
        custom=not ours and not type_.startswith(REMOTE),
        remote=type_.startswith(REMOTE),
        read=type_ == REFERENCE_TYPE,
        provider="",
        inputs=plain(serialize_properties(props)),
        outputs=None,
        depends_on=(),
        property_depends_on=depends,
        secrets=(),
        options={"protect": True} if options.protect else {},
        # The engine tells no file and line.
        place=Place("", 0),
    )


def _graph(urn: str, resources: tuple[Resource, ...]) -> Graph:
    """Return resources as a stack; its name, which every URN begins with, says environment, layer and region."""
    stack = urn.removeprefix("urn:pulumi:").partition("::")[0]
    environment, _, rest = stack.partition("-")
    layer = next((layer for layer in LAYERS if rest.endswith(layer)), "region")
    named = _REGION.search(rest)
    return Graph(
        stack=stack,
        environment=environment,
        layer=layer,
        region=named[0] if named else "",
        known=True,
        resources=resources,
        outputs={},
    )
