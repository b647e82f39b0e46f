"""A token of an emergency access opens one record to one person for a while, and is the directory's or nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from services.contracts.break_glass import GlassKey, GlassKeys
from services.kernel.actor import Emergency
from services.kernel.errors import Invalid, Unauthenticated
from tests.fixtures.glass import glass_jwks, glass_key, glass_keys
from tests.services.booking.world import signing_key

NOW = datetime(2027, 1, 4, 12, 0, tzinfo=UTC)
ENDS, OPENED = NOW + timedelta(minutes=15), Emergency("btg-1", "pat-1")
TOKEN = glass_key().sign(OPENED, "sub", NOW, ENDS)


def test_it_opens_what_was_signed_until_it_ends() -> None:
    assert glass_keys()(TOKEN, "sub", ENDS - timedelta(seconds=1)) == OPENED
    with pytest.raises(Unauthenticated) as caught:
        glass_keys()(TOKEN, "sub", ENDS)
    assert caught.value.slug == "break-glass-ended"


@pytest.mark.parametrize(
    "token",
    [
        "", "x.y.z", TOKEN[:-4] + "AAAA", GlassKey("g1", signing_key().pem).sign(OPENED, "sub", NOW, ENDS),
        GlassKey("other", glass_key().pem).sign(OPENED, "sub", NOW, ENDS),
        jwt.encode({"iss": "careslot.directory", "sub": "sub"}, glass_key().pem, "EdDSA", {"kid": "g1"}),
        jwt.encode(
            {"iss": "careslot.directory", "sub": "sub", "jti": "b", "patient": "p", "iat": 1, "exp": 2**31},
            glass_key().pem, "EdDSA", {"kid": "g1", "typ": "slot-offer+jwt"},
        ),
    ],
)  # fmt: skip
def test_nothing_else_opens_anything(token: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        glass_keys()(token, "sub", NOW)
    assert caught.value.slug == "break-glass-invalid"


def test_it_is_worth_nothing_to_another() -> None:
    with pytest.raises(Unauthenticated):
        glass_keys()(TOKEN, "thief", NOW)


def test_keys_come_from_a_setting_or_a_file_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(glass_jwks()), "utf-8")
    for setting in (str(file), json.dumps(glass_jwks())):
        assert GlassKeys.from_setting(setting)(TOKEN, "sub", NOW) == OPENED
    for wrong in ("", "{}", '{"keys": []}', "{", str(tmp_path / "none")):
        with pytest.raises(Invalid, match="CARESLOT_BREAK_GLASS_KEYS"):
            GlassKeys.from_setting(wrong)
