"""What every component does the same way, so that no component can forget it: place, tags, names, outputs.

Why a component gets its region and tags from here and not from the provider's defaults: a provider's defaults are
invisible to policies and to Checkov, and one provider serves several regions. docs/decisions/0100 has the conventions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pulumi

from environments.model import Environment
from infra.schema import takes_tags

DataClass = Literal["phi", "internal", "public"]
# Keys a component or resource may override by naming them in `tags`; the others say where it belongs and are fixed.
OVERRIDABLE = frozenset({"data-class", "service", "Name"})


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a component is: its environment, the region its resources go to, the providers they are made with."""

    environment: Environment
    region: str
    providers: tuple[pulumi.ProviderResource, ...]

    def named(self, thing: str) -> str:
        """Return a physical name, ``careslot-<environment>-<thing>``: the same in every region, so that pairs agree."""
        return f"careslot-{self.environment.name}-{thing}"

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """Return the ARN of something of this account and region named by us; IAM's and S3's have no region."""
        where = {"iam": "", "s3": ""}.get(service, region or self.region)
        account = "" if service == "s3" else self.environment.account
        return f"arn:aws:{service}:{where}:{account}:{resource}"

    def tags(self, name: str, data_class: DataClass, service: str) -> dict[str, str]:
        """Return the tags of a resource called ``name``."""
        return {
            "Name": self.named(name),
            "environment": self.environment.name,
            "owner": self.environment.owner,
            "service": service,
            "data-class": data_class,
            "managed-by": "pulumi",
        }


class Component(pulumi.ComponentResource):
    """Base of every component: what is made with ``self.child()`` is placed and tagged.

    A subclass annotates its outputs in the class body (``vpc_id: pulumi.Output[str]``), sets them, and ends its
    ``__init__`` with ``self.registered()``. ``data_class`` is what its resources hold at most; a resource that
    holds less or more says so in its own ``tags``. ``service`` is a service of the catalogue, or ``platform``.
    """

    data_class: ClassVar[DataClass]

    def __init__(
        self,
        name: str,
        scope: Scope,
        *,
        data_class: DataClass | None = None,
        service: str = "platform",
        parent: pulumi.Resource | None = None,
        depends_on: Iterable[pulumi.Resource] = (),
    ) -> None:
        self.name = name
        self.scope = scope
        kind = type(self)
        super().__init__(
            f"careslot:{kind.__module__.rpartition('.')[2]}:{kind.__name__}",
            name,
            None,
            pulumi.ResourceOptions(
                parent=parent,
                providers=list(scope.providers),
                depends_on=list(depends_on),
                transformations=[_placed(scope, data_class or self.data_class, service)],
            ),
        )

    def child(self, **options: Any) -> pulumi.ResourceOptions:
        """Return the options of a resource that is part of this component (``protect``, ``depends_on`` and so on)."""
        return pulumi.ResourceOptions(parent=self, **options)

    def registered(self) -> None:
        """Register the outputs that the class annotates; one that was not set is an AttributeError."""
        declared = [name for name, kind in type(self).__annotations__.items() if "Output" in str(kind)]
        self.register_outputs({name: getattr(self, name) for name in declared})


def _placed(scope: Scope, data_class: DataClass, service: str) -> pulumi.ResourceTransformation:
    def place(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not args.type_.startswith(("aws:", "eks:")):
            return None
        props: dict[str, Any] = dict(args.props)
        if "region" in props and props["region"] is None:
            props["region"] = scope.region
        if "tags" in props and takes_tags(args.type_):
            own = props["tags"] or {}
            ours = scope.tags(args.name, data_class, service)
            props["tags"] = {**ours, **own, **{key: ours[key] for key in ours if key not in OVERRIDABLE}}
        return pulumi.ResourceTransformationResult(props=props, opts=args.opts)

    return place
