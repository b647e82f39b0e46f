"""What travels between a Pulumi program and its engine, as plain values and back.

Pulumi marks what a JSON-like message cannot say (secrets, assets, unknowns) with signatures fixed in its protocol
(pulumi/sdk/proto, "special signatures"); only here are they known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.json_format import ParseDict
from pulumi.runtime.rpc import UNKNOWN as WIRE_UNKNOWN

from infra.recording.graph import UNKNOWN

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a signature of the protocol, not a secret
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"


def plain(message: struct_pb2.Struct) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a message's properties, and the paths of those that are secret."""
    secrets: list[str] = []
    value = _object(message.fields, "", secrets)
    return value, tuple(sorted(secrets))


def message(value: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return properties as a message."""
    return ParseDict(dict(value), struct_pb2.Struct())


# Every property of every resource passes here: the message is read as it is, which takes half of what the library's
# way over JSON does.
def _plain(value: struct_pb2.Value, path: str, secrets: list[str]) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value == WIRE_UNKNOWN else value.string_value
    if kind == "struct_value":
        return _object(value.struct_value.fields, path, secrets)
    if kind == "list_value":
        return [_plain(below, f"{path}[{index}]", secrets) for index, below in enumerate(value.list_value.values)]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return value.bool_value if kind == "bool_value" else None


def _object(fields: Mapping[str, struct_pb2.Value], path: str, secrets: list[str]) -> Any:
    signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else ""
    if signature in {_SECRET, _OUTPUT}:
        if signature == _SECRET or ("secret" in fields and fields["secret"].bool_value):
            secrets.append(path)
        return _plain(fields["value"], path, secrets) if "value" in fields else UNKNOWN
    if signature == _RESOURCE:
        return fields["urn"].string_value
    return {
        key: _plain(below, f"{path}.{key}" if path else key, secrets)
        for key, below in fields.items()
        if key != _SIGNATURE
    }
