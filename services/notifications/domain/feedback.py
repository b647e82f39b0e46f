"""What SES tells of a mail after it took it: that it came back, or that its reader called it junk."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.kernel.errors import Invalid

# The tag every mail of ours carries, so that nothing about a mail needs to be found by its address.
TAG = "message_id"


class Outcome(StrEnum):
    """``bounced``: the address does not work. ``delayed``: it did not take this mail, which says nothing about the
    next one (a full mailbox). ``complained``: the mail arrived and its reader wants no more of them.
    """

    BOUNCED = "bounced"
    DELAYED = "delayed"
    COMPLAINED = "complained"


# Mail to these addresses is not sent any more: SES suspends who goes on (SES developer guide, "Managing bounces").
FINAL = frozenset({Outcome.BOUNCED, Outcome.COMPLAINED})


@dataclass(frozen=True, slots=True)
class Feedback:
    """``message_id`` is our own; None for a mail that was not about a planned message."""

    message_id: UUID | None
    outcome: Outcome
    addresses: tuple[str, ...]


def feedback_of(detail: Mapping[str, Any]) -> Feedback:
    """Read the ``detail`` of SES's event (SES developer guide, "Contents of event data"); raise Invalid for others."""
    try:
        kind = detail["eventType"]
        if kind == "Bounce":
            # Transient and Undetermined alike: only a permanent one says that the address does not work.
            outcome = Outcome.BOUNCED if detail["bounce"]["bounceType"] == "Permanent" else Outcome.DELAYED
            recipients = detail["bounce"]["bouncedRecipients"]
        elif kind == "Complaint":
            outcome, recipients = Outcome.COMPLAINED, detail["complaint"]["complainedRecipients"]
        else:
            raise Invalid(f"{kind} is not what this queue takes of SES.")
        tags = detail["mail"].get("tags", {}).get(TAG, [])
        addresses = tuple(str(one["emailAddress"]).strip().lower() for one in recipients)
        return Feedback(UUID(tags[0]) if tags else None, outcome, addresses)
    except (KeyError, TypeError, AttributeError, ValueError) as fault:
        raise Invalid(f"This is not an event of SES as it documents them ({type(fault).__name__}).") from None
