"""What the access policies are asked about: a request, existing or wanted, and the offers made for it."""

from uuid import UUID

from services.kernel.access import AttributeValue, Resource


def request_resource(id_: UUID | str, patient_id: str, proxies: frozenset[str], facilities: frozenset[str]) -> Resource:
    """Return a request (or, with a patient's id, their list) with what policies look at."""
    attributes: dict[str, AttributeValue] = {"patient": patient_id, "proxies": proxies, "facilities": facilities}
    return Resource("WaitlistRequest", str(id_), attributes, about=patient_id)
