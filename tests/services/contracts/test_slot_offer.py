"""A slot offer is believed only when availability signed it, and only while it is fresh."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import OKPAlgorithm
from pydantic import ValidationError

from services.contracts.slot_offer import (
    VALID_FOR,
    OfferedResource,
    OfferKeys,
    ReservedOffer,
    SigningKey,
    SlotOffer,
    slot_id,
)
from services.kernel.errors import Conflict, Invalid

NOW = datetime(2027, 1, 4, 12, tzinfo=UTC)


def key_pair(kid: str) -> tuple[SigningKey, dict[str, Any]]:
    """Make a private key and its published half."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    published = {**json.loads(OKPAlgorithm.to_jwk(private.public_key())), "kid": kid, "alg": "EdDSA"}
    return SigningKey(kid, pem.decode()), published


OLD, OLD_PUBLISHED = key_pair("2026")
NEW, NEW_PUBLISHED = key_pair("2027")
STRANGER, _ = key_pair("2027")
KEYS = OfferKeys({"keys": [OLD_PUBLISHED, NEW_PUBLISHED]})


def offer(**changes: Any) -> SlotOffer:
    """An offer for twenty minutes with one clinician, with ``changes``."""
    start = NOW + timedelta(days=3)
    fields: dict[str, Any] = {
        "slot_id": "slot-1", "clinician_id": "cln-1", "facility_id": "fac-1", "specialty": "family-medicine",
        "visit_type": "follow-up", "starts_at": start, "ends_at": start + timedelta(minutes=20),
        "timezone": "America/New_York", "resources": (OfferedResource(kind="clinician", id="cln-1", depth=2),),
        "schedule_version": 7, **changes,
    }  # fmt: skip
    return SlotOffer(**fields)


def test_what_was_signed_is_read_back_by_old_and_new_keys() -> None:
    for key in (OLD, NEW):
        assert KEYS.read(key.sign(offer(), NOW), NOW) == offer()
    assert offer().minutes == 20


def test_an_offer_expires() -> None:
    token = NEW.sign(offer(), NOW)
    assert KEYS.read(token, NOW + VALID_FOR - timedelta(seconds=1)) == offer()
    with pytest.raises(Conflict) as caught:
        KEYS.read(token, NOW + VALID_FOR)
    assert caught.value.slug == "offer-expired"


def test_an_offer_from_anyone_else_is_not_ours() -> None:
    stranger = STRANGER.sign(offer(), NOW)
    typed = {"kid": "2027", "typ": "slot-offer+jwt"}
    claims = {"iss": "careslot.availability", "iat": 1, "exp": 9**10}
    whole = {**claims, "offer": offer().model_dump(mode="json")}
    assert KEYS.read(jwt.encode(whole, NEW.pem, algorithm="EdDSA", headers=typed), NOW) == offer()
    unsigned = jwt.encode(whole, "", algorithm="none", headers=typed)
    other_issuer = jwt.encode({**whole, "iss": "x"}, NEW.pem, algorithm="EdDSA", headers=typed)
    no_offer = jwt.encode(claims, NEW.pem, algorithm="EdDSA", headers=typed)
    must_understand = jwt.encode(whole, NEW.pem, algorithm="EdDSA", headers={**typed, "crit": ["exp"]})
    other_kind = jwt.encode(whole, NEW.pem, algorithm="EdDSA", headers={"kid": "2027"})
    deep = base64.urlsafe_b64encode(b"[" * 6000).decode()
    padded = NEW.sign(offer(), NOW) + "=="
    forged = (stranger, unsigned, other_issuer, no_offer, must_understand, other_kind, f"{deep}.{deep}.", padded)
    for token in (*forged, "", "a.b.c", "é" * 10):
        with pytest.raises(Invalid) as caught:
            KEYS.read(token, NOW)
        assert caught.value.slug == "offer-invalid"


def test_a_reserved_offer_is_for_one_patient_and_no_other_key_makes_one() -> None:
    waitlist, published = key_pair("w")
    keys = OfferKeys({"keys": [NEW_PUBLISHED, {**published, "iss": "careslot.waitlist"}]})
    reserved = ReservedOffer(freed_id=UUID(int=1), patient_id="pat-1", offer=offer())
    token = waitlist.reserve(reserved, NOW, NOW + VALID_FOR)
    assert token == waitlist.reserve(reserved, NOW, NOW + VALID_FOR)
    assert keys.read_reserved(token, NOW) == reserved
    with pytest.raises(Conflict):
        keys.read_reserved(token, NOW + VALID_FOR)
    # Neither key stands in for the other, and neither kind of offer for the other kind.
    for forged in (NEW.reserve(reserved, NOW, NOW + VALID_FOR), NEW.sign(offer(), NOW), waitlist.sign(offer(), NOW)):
        with pytest.raises(Invalid):
            keys.read_reserved(forged, NOW)
    for forged in (token, waitlist.sign(offer(), NOW)):
        with pytest.raises(Invalid):
            keys.read(forged, NOW)


@given(st.integers(0, 600), st.characters(codec="ascii", categories=("L", "N")))
def test_no_changed_character_goes_unnoticed(position: int, character: str) -> None:
    token = NEW.sign(offer(), NOW)
    position %= len(token) - 2  # the last character of a base64url signature has bits nobody reads
    if token[position] in {character, "."}:
        return
    changed = token[:position] + character + token[position + 1 :]
    try:
        assert KEYS.read(changed, NOW) == offer()  # only a change of spelling, as in a base64url tail, may pass
        pytest.fail(f"character {position} may be changed")
    except Invalid:
        pass


def test_an_offer_is_consistent_in_itself() -> None:
    with pytest.raises(ValidationError, match="ends_at"):
        offer(ends_at=NOW)
    with pytest.raises(ValidationError, match="clinician"):
        offer(resources=(OfferedResource(kind="clinician", id="cln-2"),))
    with pytest.raises(ValidationError, match="zone|timezone"):
        offer(starts_at=datetime(2027, 1, 7, 12))  # noqa: DTZ001 -- the naive instant is the point


def test_a_slots_id_depends_on_all_that_makes_it_this_slot_and_on_nothing_else() -> None:
    base = ("cln-1", "fac-1", "follow-up", NOW, 20)
    same_instant = NOW.astimezone(tz=None)
    assert slot_id(*base) == slot_id("cln-1", "fac-1", "follow-up", same_instant, 20)
    others = [
        ("cln-2", *base[1:]), (*base[:1], "fac-2", *base[2:]), (*base[:2], "new", *base[3:]),
        (*base[:3], NOW + timedelta(minutes=5), 20), (*base[:4], 30),
    ]  # fmt: skip
    ids = {slot_id(*other) for other in others}
    assert len(ids) == len(others) and slot_id(*base) not in ids
