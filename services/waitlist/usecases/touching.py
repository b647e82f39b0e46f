"""What the access policies are asked about: a request, existing or wanted, and the offers made for it."""

from uuid import UUID

from services.contracts.security_labels import SecurityLabel
from services.kernel.access import AttributeValue, Resource
from services.waitlist.domain.circle import Circle


def request_resource(
    id_: UUID | str, patient_id: str, circle: Circle, facilities: frozenset[str], label: SecurityLabel
) -> Resource:
    """Return a request (or, with a patient's id, their list) with what policies look at."""
    attributes: dict[str, AttributeValue] = {
        "patient": patient_id, "proxies": circle.proxies, "confidants": circle.confidants, "facilities": facilities,
        "label": str(label),
    }  # fmt: skip
    return Resource("WaitlistRequest", str(id_), attributes, about=patient_id)
