"""What search returns and booking trusts: a slot, signed, so that booking needs no call to availability.

A compact JWS (RFC 7515) with Ed25519 (RFC 8037): only availability holds a private key, anyone with the published
keys can check. Keys rotate by ``kid``. The slot's id is made from its content, so the same slot always has the same id.

Waitlist signs the same slot with a key of its own for one patient and one freed slot. Each published key says whose
it is (member ``iss``; none means availability's): waitlist's key cannot mint slots for everyone.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import product
from typing import Any
from uuid import UUID

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.kernel.errors import Conflict, Invalid

ISSUER = "careslot.availability"
WAITLIST = "careslot.waitlist"
ALGORITHM = "EdDSA"
# Explicit typing (RFC 8725 section 3.11): nothing else that such a key may sign one day passes for an offer.
TYPE = "slot-offer+jwt"
VALID_FOR = timedelta(minutes=30)
REMEMBERED = 4096
_PAIRS = ["".join(pair) for pair in product("abcdefghijklmnopqrstuvwxyz234567", repeat=2)]
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
MOST_PLACES = 2000
MOST_LANES = 8


class OfferedResource(BaseModel):
    """Something the visit occupies: ``kind`` is clinician, room or interpreter; ``depth`` lanes may be used at once.

    ``language`` is what an interpreter interprets in this visit (BCP 47), "" for anything else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(pattern="^(clinician|room|interpreter)$")
    id: str = Field(min_length=1, max_length=64)
    depth: int = Field(default=1, ge=1, le=MOST_LANES)
    language: str = Field(default="", max_length=12)


class SlotOffer(BaseModel):
    """A slot that was open when it was offered. ``ends_at`` is exclusive; both instants carry a zone.

    ``capacity`` is 0 but for a session with places (a flu clinic): so many visits share its clinician, room and time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    slot_id: str
    clinician_id: str
    facility_id: str
    specialty: str
    visit_type: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    timezone: str
    resources: tuple[OfferedResource, ...]
    schedule_version: int = Field(ge=0)
    capacity: int = Field(default=0, ge=0, le=MOST_PLACES)

    @model_validator(mode="after")
    def _consistent(self) -> "SlotOffer":
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at must come after starts_at")
        clinicians = [resource.id for resource in self.resources if resource.kind == "clinician"]
        if clinicians != [self.clinician_id]:
            raise ValueError("resources must hold exactly the offer's clinician")
        return self

    @property
    def minutes(self) -> int:
        """Length of the slot in minutes."""
        return int((self.ends_at - self.starts_at).total_seconds() // 60)

    @property
    def interpreted(self) -> str:
        """The language that an interpreter is offered for, "" without one."""
        return next((resource.language for resource in self.resources if resource.kind == "interpreter"), "")


class ReservedOffer(BaseModel):
    """A freed slot that only ``patient_id`` may take: what waitlist signs when an offer is accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    freed_id: UUID
    patient_id: str = Field(min_length=1, max_length=64)
    offer: SlotOffer


def slot_id(clinician_id: str, facility_id: str, visit_type: str, starts_at: datetime, minutes: int) -> str:
    """Return the id of a slot: 40 bits of a hash over its clinician, its start, 48 bits of a hash over all of it, in
    lower-case base32. With clinician and start in it, whoever knows the schedules can tell what an id stands for.
    """
    seconds = int(starts_at.timestamp())
    content = "\x1f".join((clinician_id, facility_id, visit_type, str(seconds), str(minutes)))
    digest = hashlib.blake2b(content.encode(), digest_size=6).digest()
    packed = clinician_mark(clinician_id) + (seconds % 2**40).to_bytes(5, "big") + digest
    # 130 bits, ten at a time: a search makes dozens of ids, and base64.b32encode takes four times as long.
    bits = int.from_bytes(packed, "big") << 2
    return "slot-" + "".join([_PAIRS[bits >> shift & 1023] for shift in range(120, -1, -10)])


@lru_cache(maxsize=65536)
def clinician_mark(clinician_id: str) -> bytes:
    """Return the part of a slot's id that its clinician determines."""
    return hashlib.blake2b(clinician_id.encode(), digest_size=5).digest()


def slot_id_parts(name: str) -> tuple[bytes, datetime] | None:
    """Return the clinician's mark and the start that a slot's id holds, None for what is no such id."""
    text = name.removeprefix("slot-").upper()
    try:
        packed = base64.b32decode(text + "=" * (-len(text) % 8))
        if len(packed) == 16:
            return packed[:5], datetime.fromtimestamp(int.from_bytes(packed[5:10], "big"), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of availability or waitlist: ``pem`` is PKCS #8."""

    key_id: str
    pem: str

    def sign(self, offer: SlotOffer, now: datetime) -> str:
        """Return the offer as a token that expires VALID_FOR after ``now``."""
        # Without what is as usual: shorter, and a reader of before a field was added takes offers that do not use it.
        content = offer.model_dump(mode="json", exclude_defaults=True)
        return self._sign(ISSUER, content, now, now + VALID_FOR)

    def reserve(self, reserved: ReservedOffer, now: datetime, expires_at: datetime) -> str:
        """Return a freed slot as a token for one patient that expires at ``expires_at``; the key is waitlist's."""
        content = reserved.model_dump(mode="json", exclude_defaults=True)
        more = {"patient_id": content["patient_id"], "freed_id": content["freed_id"]}
        return self._sign(WAITLIST, content["offer"], now, expires_at, more)

    def _sign(
        self,
        issuer: str,
        offer: Mapping[str, Any],
        now: datetime,
        ends: datetime,
        more: Mapping[str, Any] | None = None,
    ) -> str:
        claims = {
            "iss": issuer, "iat": int(now.timestamp()), "exp": int(ends.timestamp()), "offer": offer, **(more or {}),
        }  # fmt: skip
        return jwt.encode(claims, _private(self.pem), algorithm=ALGORITHM, headers={"kid": self.key_id, "typ": TYPE})


@lru_cache(maxsize=4)
def _private(pem: str) -> Ed25519PrivateKey:
    # Reading the PEM costs as much as signing, and a search signs twenty offers or more.
    key = OKPAlgorithm().prepare_key(pem)
    assert isinstance(key, Ed25519PrivateKey), "settings take no other key"
    return key


class _NotOurs(ValueError):
    """A token that was not signed by who should have."""


@lru_cache(maxsize=64)
def _key_id(header: str) -> str:
    """Return the key id in a token's header, which is the same text for every token of one key; raise _NotOurs.

    Header parameters that must be understood (``crit``) are not.
    """
    read = json.loads(_decoded(header))
    if read.get("alg") != ALGORITHM or read.get("typ") != TYPE or "crit" in read:
        raise _NotOurs
    return str(read.get("kid", ""))


def _decoded(part: str) -> bytes:
    """Decode base64url without padding (RFC 7515 appendix C); raise ValueError for anything else."""
    if not _BASE64URL.fullmatch(part):
        raise _NotOurs
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class OfferKeys:
    """The published keys (a JSON Web Key Set, RFC 7517) that offers are checked with."""

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(dict(jwks)).keys if key.key_id}
        self._issuers = {str(key.get("kid", "")): str(key.get("iss", ISSUER)) for key in jwks["keys"]}
        self._opened: dict[str, tuple[Mapping[str, Any], SlotOffer]] = {}

    def read(self, token: str, now: datetime) -> SlotOffer:
        """Return the offer in ``token``; raise Invalid if it is not ours, Conflict (``offer-expired``) if too old."""
        claims, offer = self._opened.get(token) or self._open(token)
        _require_fresh(claims, now)
        return offer

    def _open(self, token: str) -> tuple[Mapping[str, Any], SlotOffer]:
        """Check a token and remember what is in it: those who want one place often send the same offer."""
        try:
            claims = self._claims(token, ISSUER)
            opened = claims, SlotOffer.model_validate(claims["offer"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Invalid("The slot offer is not one of ours; search again.", slug="offer-invalid") from None
        if len(self._opened) >= REMEMBERED:
            del self._opened[next(iter(self._opened))]
        self._opened[token] = opened
        return opened

    def read_reserved(self, token: str, now: datetime) -> ReservedOffer:
        """Return what waitlist reserved in ``token``; raise as ``read`` does."""
        try:
            claims = self._claims(token, WAITLIST)
            reserved = ReservedOffer.model_validate({name: claims[name] for name in ReservedOffer.model_fields})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Invalid("The offer is not one of waitlist's.", slug="offer-invalid") from None
        _require_fresh(claims, now)
        return reserved

    def _claims(self, token: str, issuer: str) -> Mapping[str, Any]:
        """Check a compact JWS (RFC 7515 section 5.2) and return its claims; raise _NotOurs.

        By hand: the library looks at every character in Python, which took a sixth of a booking.
        """
        parts = token.split(".")
        if len(parts) != 3:
            raise _NotOurs
        header, payload, signature = parts
        key_id = _key_id(header)
        if self._issuers.get(key_id) != issuer:
            raise _NotOurs
        try:
            self._keys[key_id].key.verify(_decoded(signature), f"{header}.{payload}".encode())
        except InvalidSignature:
            raise _NotOurs from None
        claims: Mapping[str, Any] = json.loads(_decoded(payload))
        if claims["iss"] != issuer or not all(isinstance(claims[name], int) for name in ("iat", "exp")):
            raise _NotOurs
        return claims


def _require_fresh(claims: Mapping[str, Any], now: datetime) -> None:
    if int(claims["exp"]) <= now.timestamp():
        raise Conflict("The slot offer has expired; search again.", slug="offer-expired")
