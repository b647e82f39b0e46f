"""How sensitive a visit is, in the codes of HL7: who may know of it hangs on its label.

``N`` and ``R`` are codes of v3-Confidentiality; ``ETH`` (substance abuse information sensitivity) is one of v3-ActCode,
the FHIR R4 security label of what 42 CFR Part 2 protects. docs/decisions/0070-who-sees-what.md.
"""

from collections.abc import Iterable
from enum import StrEnum


class SecurityLabel(StrEnum):
    """A visit's label, from the mildest to the strictest."""

    NORMAL = "N"
    RESTRICTED = "R"
    PART_2 = "ETH"


STRICTNESS = tuple(SecurityLabel)
# What a role assignment may cover; everybody's covers N.
CLEARANCES = (SecurityLabel.RESTRICTED, SecurityLabel.PART_2)


def strictest(labels: Iterable[str]) -> SecurityLabel:
    """Return the strictest of ``labels``, N of none; raise ValueError for one that is none of ours."""
    return max((SecurityLabel(label) for label in labels), key=STRICTNESS.index, default=SecurityLabel.NORMAL)
