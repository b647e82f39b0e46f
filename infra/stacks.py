"""Which stacks there are, in the order they are deployed, and who may read whose outputs.

Four layers without cycles: a region stands alone once the foundation is there, so the standby can be deployed while
the primary region is down; what joins regions (routing) comes last and nothing reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from environments.model import Environment, load_environment, names
from services.kernel.errors import Invalid

PROJECT = "careslot"
Layer = Literal["foundation", "region", "cluster", "routing"]


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack: a layer of an environment, in a region where the layer has one (empty otherwise)."""

    environment: str
    layer: Layer
    region: str = ""

    @property
    def name(self) -> str:
        """The stack's name: what `pulumi stack select` takes and `environments/Pulumi.<name>.yaml` is called after."""
        parts = {
            "region": (self.environment, self.region),
            "cluster": (self.environment, self.region, "cluster"),
        }.get(self.layer, (self.environment, self.layer))
        return "-".join(parts)

    @property
    def reads(self) -> tuple[Stack, ...]:
        """The stacks whose outputs this one may read, all of them deployed before it."""
        foundation = Stack(self.environment, "foundation")
        if self.layer == "region":
            return (foundation,)
        if self.layer == "cluster":
            return foundation, Stack(self.environment, "region", self.region)
        if self.layer == "routing":
            return foundation, *(s for s in stacks_of(load_environment(self.environment)) if s.layer == "region")
        return ()

    @classmethod
    def parse(cls, name: str) -> Stack:
        """Return the stack called ``name``; raise Invalid telling the names there are."""
        environment = name.partition("-")[0]
        if environment in names():
            for stack in stacks_of(load_environment(environment)):
                if stack.name == name:
                    return stack
        known = ", ".join(stack.name for stack in all_stacks())
        raise Invalid(f"no stack is called {name!r}; there are {known}")


def stacks_of(environment: Environment) -> tuple[Stack, ...]:
    """Return an environment's stacks in the order they are deployed."""
    name = environment.name
    regional = [
        stack
        for region in environment.regions
        for stack in (Stack(name, "region", region), Stack(name, "cluster", region))
    ]
    return Stack(name, "foundation"), *regional, Stack(name, "routing")


def all_stacks() -> tuple[Stack, ...]:
    """Return every stack of every environment."""
    return tuple(stack for name in names() for stack in stacks_of(load_environment(name)))
