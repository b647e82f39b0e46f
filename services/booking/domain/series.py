"""A series: visits that recur and are booked together. Each holds claims of its own; the series is what names them."""

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise

from services.contracts.slot_offer import SlotOffer
from services.kernel.errors import FieldError, Invalid

FEWEST, MOST = 2, 26


class Policy(StrEnum):
    """What to do when not every visit can be had: nothing at all, or what can be had."""

    ALL_OR_NOTHING = "all-or-nothing"
    PARTIAL = "partial"


def in_order(offers: Sequence[SlotOffer]) -> list[SlotOffer]:
    """Return the offers by start; raise Invalid when two of them overlap, which no patient can attend.

    The order is also the order in which claims are made: series that want the same slots never wait for each other in
    a circle.
    """
    ordered = sorted(offers, key=lambda offer: (offer.starts_at, offer.slot_id))
    for before, after in pairwise(ordered):
        if after.starts_at < before.ends_at:
            wrong = FieldError("body/offers", "two of them overlap in time")
            raise Invalid("The visits of a series must not overlap.", slug="series-overlaps", errors=[wrong])
    return ordered
