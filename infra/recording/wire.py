"""What travels between a Pulumi program and its engine, as plain values and back.

Pulumi marks what a JSON-like message cannot say (secrets, assets, unknowns) with signatures fixed in its protocol
(pulumi/sdk/proto, "special signatures"); only here are they known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict, ParseDict
from pulumi.runtime.rpc import UNKNOWN as WIRE_UNKNOWN

from infra.recording.graph import UNKNOWN

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a signature of the protocol, not a secret
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"


def plain(message: struct_pb2.Struct) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a message's properties, and the paths of those that are secret."""
    secrets: list[str] = []
    value = _plain(MessageToDict(message), "", secrets)
    return value, tuple(sorted(secrets))


def message(value: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return properties as a message."""
    return ParseDict(dict(value), struct_pb2.Struct())


def _plain(value: Any, path: str, secrets: list[str]) -> Any:
    if isinstance(value, dict):
        signature = value.get(_SIGNATURE)
        if signature in {_SECRET, _OUTPUT}:
            if signature == _SECRET or value.get("secret"):
                secrets.append(path)
            return _plain(value.get("value", WIRE_UNKNOWN), path, secrets)
        if signature == _RESOURCE:
            return value["urn"]
        return {
            key: _plain(below, f"{path}.{key}" if path else key, secrets)
            for key, below in value.items()
            if key != _SIGNATURE
        }
    if isinstance(value, list):
        return [_plain(below, f"{path}[{index}]", secrets) for index, below in enumerate(value)]
    if value == WIRE_UNKNOWN:
        return UNKNOWN
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
