"""What the access policies are asked about: an appointment, a patient, a facility, each with what policies look at."""

from collections.abc import Mapping
from typing import Any

from services.booking.ports import PatientRecord
from services.kernel.access import Resource


def appointment_resource(
    id_: str, *, patient_id: str, clinician_id: str, facility_id: str, proxies: frozenset[str]
) -> Resource:
    """Return an appointment, existing or wanted (then ``id_`` is the slot's)."""
    return Resource(
        "Appointment",
        id_,
        {"patient": patient_id, "clinician": clinician_id, "facility": facility_id, "proxies": proxies},
        about=patient_id,
    )


def told_resource(body: Mapping[str, Any], proxies: frozenset[str]) -> Resource:
    """Return the appointment that an earlier answer showed."""
    return appointment_resource(
        body["id"], patient_id=body["patient_id"], clinician_id=body["clinician_id"],
        facility_id=body["facility_id"], proxies=proxies,
    )  # fmt: skip


def patient_resource(patient_id: str, known: PatientRecord) -> Resource:
    """Return a patient, for lists of their appointments."""
    return Resource(
        "Patient",
        patient_id,
        {"patient": patient_id, "proxies": known.proxies, "facilities": known.facilities},
        about=patient_id,
    )


def facility_resource(facility_id: str) -> Resource:
    """Return a facility, for its day."""
    return Resource("Facility", facility_id, {"facility": facility_id})


CHANGES = Resource("Catalogue", "booking-changes")
KINDS = Resource("Catalogue", "booked-visit-types")
