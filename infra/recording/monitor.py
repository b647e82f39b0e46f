"""Stands where the Pulumi engine stands: takes every registration of a program and answers as AWS would.

Only what a resource is registered with is kept; the rest of the protocol is the SDK's own `MockMonitor`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from google.protobuf import empty_pb2
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import resource_pb2

from environments.model import Environment
from infra.recording import answers
from infra.recording.graph import OURS, REFERENCE_TYPE, STACK_TYPE, Place, Resource
from infra.recording.wire import message, plain

ROOT = Path(__file__).resolve().parents[2]
# Options worth keeping: what they are called on the wire, each only if it is set.
_OPTIONS = {
    "protect", "retainOnDelete", "deletedWith", "ignoreChanges", "replaceOnChanges", "deleteBeforeReplace", "importId",
}  # fmt: skip
_GET_RESOURCE = "pulumi:pulumi:getResource"
_NOT_OURS = (Path(sys.prefix), ROOT / "infra" / "components" / "base.py", ROOT / "infra" / "recording")


class Refusal(Exception):
    """What a program asked of the engine and may not: said with the place where that is known."""


class _NoMocks(Mocks):
    """The monitor below answers everything itself."""

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise NotImplementedError(args.token)

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        raise NotImplementedError(args.typ)


class Recorder(MockMonitor):
    """Records one run. ``published`` holds the outputs of the stacks this one may read, by stack name.

    ``invokes`` are the answers to data sources by token; asking for one that is not there fails the program, because
    what an account happens to hold must not decide what a program declares.
    """

    def __init__(
        self,
        environment: Environment,
        region: str,
        *,
        known: bool,
        published: Mapping[str, Mapping[str, Any]],
        invokes: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(_NoMocks())
        self._environment = environment
        self._known = known
        self._published = published
        self._invokes: dict[str, Mapping[str, Any]] = {
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": environment.account},
            "aws:index/getRegion:getRegion": {"region": region, "name": region},
            "aws:index/getPartition:getPartition": {"partition": "aws", "dnsSuffix": "amazonaws.com"},
            # The one thing a Region switch plan makes that is no output of it.
            "aws:arcregionswitch/getRoute53HealthChecks:getRoute53HealthChecks": {
                "healthChecks": [
                    {"region": name, "healthCheckId": f"switch-{name}", "status": "healthy"}
                    for name in environment.regions
                ]
            },
            **(invokes or {}),
        }
        self.made: dict[str, Resource] = {}
        self.registered: dict[str, dict[str, Any]] = {}

    def RegisterResource(self, request: Any) -> Any:
        """Record what is made; answer with its id and, when outputs are known, with all of them."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        resource = self._record(request, urn, request.object, read=False)
        found: dict[str, Any] = {}
        if self._known and (resource.custom or resource.remote):
            # What it was given, the SDK knows (secrets and archives as such); what AWS adds is answered.
            found = {name: value for name, value in (resource.outputs or {}).items() if name not in resource.inputs}
        physical = answers.identity(resource.type, resource.mark) if self._known and resource.custom else ""
        return resource_pb2.RegisterResourceResponse(urn=urn, id=physical, object=message(found))

    def ReadResource(self, request: Any) -> Any:
        """Answer what another stack published, or what an existing resource is like."""
        urn = self.make_urn(request.parent, request.type, request.name)
        resource = self._record(request, urn, request.properties, read=True)
        found = dict(resource.outputs or {}) if self._known else {}
        if request.type == REFERENCE_TYPE:
            stack = request.id.rpartition("/")[2]
            if stack not in self._published:
                readable = ", ".join(self._published) or "none"
                raise Refusal(f"{resource.place}: the outputs of stack {stack!r} may not be read; readable: {readable}")
            found = {"name": request.id}
            if self._known:
                found |= {"outputs": dict(self._published[stack]), "secretOutputNames": []}
        return resource_pb2.ReadResourceResponse(urn=urn, properties=message(found))

    def RegisterResourceOutputs(self, request: Any) -> Any:
        """Record what a component, or the stack itself, says of itself."""
        self.registered[request.urn] = plain(request.outputs)[0]
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:
        """Answer a data source from the table; an unknown one is an error."""
        if request.tok == _GET_RESOURCE:
            return self._given(plain(request.args)[0]["urn"])
        if not request.provider:
            raise Refusal(f"{request.tok} is asked without a provider of ours: stacks allow no other")
        answer = self._invokes.get(request.tok)
        if answer is None:
            raise Refusal(f"the program asks for {request.tok}, for which the recorder has no answer")
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(message(answer))  # a keyword of Python's is the protocol's name
        return response

    def _given(self, urn: str) -> Any:
        """Answer what a resource is like that was passed whole to a remote component: the SDK asks for it again."""
        resource = self.made[urn]
        known = self._known and resource.custom
        physical = answers.identity(resource.type, resource.mark) if known else ""
        state: dict[str, Any] = dict(resource.outputs or {}) if known else {}
        found: dict[str, Any] = {"urn": urn, "id": physical, "state": state}
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(message(found))
        return response

    def _record(self, request: Any, urn: str, properties: Any, *, read: bool) -> Resource:
        inputs, secrets = plain(properties)
        place = self._place(request)
        if urn in self.made:
            raise Refusal(f"{place}: a second resource is called {request.name!r} (the first: {self.made[urn].place})")
        mark = answers.mark_of(urn)
        real = read or request.custom or request.remote
        made = answers.outputs(request.type, mark, inputs, self._environment.account) if real else None
        resource = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            mark=mark,
            parent=request.parent,
            custom=read or request.custom,
            remote=not read and request.remote,
            read=read,
            provider=request.provider,
            inputs=inputs,
            outputs=made,
            depends_on=tuple(sorted(request.dependencies)),
            property_depends_on={
                name: tuple(sorted(of.urns))
                for name, of in ({} if read else request.propertyDependencies).items()
                if of.urns
            },
            secrets=secrets,
            options=_options(request),
            place=place,
        )
        self.made[urn] = resource
        return resource

    @staticmethod
    def _place(request: Any) -> Place:
        """Return the line that made it: for our components the caller's, not the class's own `super().__init__`."""
        frames = [place for frame in request.stackTrace.frames if (place := _ours(frame.pc))]
        component = request.type.startswith(OURS)
        return frames[1] if component and len(frames) > 1 else frames[0] if frames else Place("", 0)


def _options(request: Any) -> dict[str, Any]:
    set_ones = [(field, value) for field, value in request.ListFields() if field.json_name in _OPTIONS]
    return {field.json_name: list(value) if field.is_repeated else value for field, value in set_ones}


def _ours(position: Any) -> Place | None:
    return place_of(_path(position.uri), position.line)


@cache
def _path(uri: str) -> str:
    return unquote(urlparse(uri).path)


def place_of(filename: str, line: int | None) -> Place | None:
    """Return a line of a program as a place in the repository; None within libraries, the base and the recorder."""
    file = _within(filename)
    return Place(file, line or 0) if file else None


@cache
def _within(filename: str) -> str:
    file = Path(filename)
    if not file.is_relative_to(ROOT) or any(file.is_relative_to(other) for other in _NOT_OURS):
        return ""
    return str(file.relative_to(ROOT))
