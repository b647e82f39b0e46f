"""Identifiers: time-ordered where rows are inserted, content-derived where two sides must agree unasked."""

import hashlib
from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562 section 5.7): unique, and ordered by time so that indexes stay dense."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def content_key(*parts: str) -> int:
    """Return a non-negative 63-bit key of ``parts``, the same in every process and release.

    Used where PostgreSQL needs a bigint for a text identity. Two different identities share a key with a
    probability of about n^2 / 2^64 for n identities; a caller must be safe (not merely lucky) when they do.
    """
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
