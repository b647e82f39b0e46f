"""Settings: the key set as a file or as text, with a clear word when it is neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.contracts.slot_offer import OfferKeys
from services.kernel.errors import Invalid
from tests.services.booking.world import NOW, key_set, offer, settings_for, signing_key


def test_keys_as_text_and_as_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(key_set(), "utf-8")
    token = signing_key().sign(offer(), NOW)
    for given in (key_set(), str(file)):
        found = settings_for("").model_copy(update={"offer_keys": given}).offer_key_set()
        assert OfferKeys(found).read(token, NOW) == offer()


@pytest.mark.parametrize("given", ["/nowhere/keys.json", "{", '{"keys": []}', "{}"])
def test_what_is_no_key_set_is_named(given: str) -> None:
    with pytest.raises(Invalid, match="CARESLOT_OFFER_KEYS"):
        settings_for("").model_copy(update={"offer_keys": given}).offer_key_set()
