"""Values on the wire: secrets, unknowns and numbers come out as what they are."""

from __future__ import annotations

from pulumi.runtime.rpc import UNKNOWN as WIRE_UNKNOWN

from infra.recording.graph import UNKNOWN
from infra.recording.wire import message, plain

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "value": {"deep": 1}}


def test_secrets_are_opened_and_their_paths_told() -> None:
    assert plain(message({"a": {"b": [SECRET]}})) == ({"a": {"b": [{"deep": 1}]}}, ("a.b[0]",))


def test_unknowns_and_whole_numbers_are_themselves() -> None:
    value, secrets = plain(message({"port": 443, "ratio": 0.5, "later": WIRE_UNKNOWN, "on": True}))
    assert value == {"port": 443, "ratio": 0.5, "later": UNKNOWN, "on": True}
    assert isinstance(value["port"], int)
    assert secrets == ()
