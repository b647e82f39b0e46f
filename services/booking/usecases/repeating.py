"""Same key, same answer: what makes two requests the same, and what a repetition gets.

draft-ietf-httpapi-idempotency-key-header-07. A refusal wrote nothing and is not kept: the same key may be tried again
and may then succeed.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from services.booking.ports import Look, Replay, Submission
from services.kernel.audit import AuditEntry
from services.kernel.errors import Invalid


def submission(subject: str, key: str, operation: str, asked: Mapping[str, Any]) -> Submission:
    """Return the submission of ``operation`` with the content ``asked``, which must be JSON-ready.

    If-Match is no part of the hash: whoever repeats a request after reading the newer version means the same request.
    """
    content = json.dumps([operation, asked], sort_keys=True, separators=(",", ":"))
    return Submission(subject, key, hashlib.sha256(content.encode()).digest())


def repeated(asked: Submission, look: Look, entry: AuditEntry) -> Replay | None:
    """Return the earlier answer if there is one; raise Invalid when the key was used for another request."""
    if look.stored is None:
        return None
    require_same(asked, look)
    return Replay(look.stored.answer, entry)


def require_same(asked: Submission, look: Look) -> None:
    """Raise Invalid (``idempotency-key-reused``) when the key was used for another request."""
    if look.stored is not None and look.stored.fingerprint != asked.fingerprint:
        raise Invalid(
            "This Idempotency-Key was used for another request; send a new one.", slug="idempotency-key-reused"
        )
