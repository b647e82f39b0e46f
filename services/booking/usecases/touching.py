"""What the access policies are asked about: an appointment, a patient, a facility, each with what policies look at."""

from collections.abc import Mapping
from typing import Any, Protocol

from services.booking.domain.appointment import Appointment
from services.booking.domain.disruption import DisruptedVisit
from services.booking.ports import PatientRecord
from services.contracts.security_labels import SecurityLabel
from services.contracts.slot_offer import SlotOffer
from services.kernel.access import AttributeValue, Gate, Resource
from services.kernel.audit import AuditEntry


class Circle(Protocol):
    """Who may act for a patient: ``proxies``, of whom the ``confidants`` know of restricted visits too."""

    @property
    def proxies(self) -> frozenset[str]:
        """Return the persons who may act for the patient."""
        ...

    @property
    def confidants(self) -> frozenset[str]:
        """Return those of them who know of restricted visits."""
        ...


def appointment_resource(appointment: Appointment, circle: Circle) -> Resource:
    """Return an appointment as it stands."""
    place = appointment.place
    return _resource(
        str(appointment.id), appointment.patient_id, place.clinician_id, place.facility_id, circle, appointment.label
    )


def wanted_resource(id_: str, offer: SlotOffer, patient_id: str, circle: Circle, label: SecurityLabel) -> Resource:
    """Return the appointment that would be made of ``offer``; ``id_`` is the slot's, or the one it is moved from."""
    return _resource(id_, patient_id, offer.clinician_id, offer.facility_id, circle, label)


def disrupted_resource(visit: DisruptedVisit, circle: Circle) -> Resource:
    """Return the appointment behind a disrupted visit."""
    return _resource(
        str(visit.appointment_id), visit.patient_id, visit.clinician_id, visit.facility_id, circle, visit.label
    )


def told_resource(body: Mapping[str, Any], circle: Circle) -> Resource:
    """Return the appointment that an earlier answer, or an event, showed."""
    return _resource(
        str(body.get("id") or body["appointment_id"]), body["patient_id"], body["clinician_id"], body["facility_id"],
        circle, SecurityLabel(body.get("security_label", SecurityLabel.NORMAL)),
    )  # fmt: skip


def busy_resource(appointment: Appointment) -> Resource:
    """Return what of a visit may be known without knowing whose it is: that its clinician is busy."""
    place = appointment.place
    return _resource(str(appointment.id), "", place.clinician_id, place.facility_id, NOBODY, SecurityLabel.NORMAL)


def _resource(
    id_: str, patient_id: str, clinician_id: str, facility_id: str, circle: Circle, label: SecurityLabel
) -> Resource:
    attributes: dict[str, AttributeValue] = {
        "patient": patient_id, "clinician": clinician_id, "facility": facility_id, "proxies": circle.proxies,
        "confidants": circle.confidants, "label": str(label),
    }  # fmt: skip
    return Resource("Appointment", id_, attributes, about=patient_id)


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


class Trail(Protocol):
    """Where a touch is written down."""

    async def audit(self, entry: AuditEntry) -> None:
        """Write a touch down."""
        ...


async def may_know(trail: Trail, gate: Gate, resource: Resource) -> bool:
    """Tell whether the caller may know of one labelled visit in a list; that they do is written down."""
    if not gate.allows(resource):
        return False
    await trail.audit(gate.require(resource))
    return True


NOBODY = PatientRecord(frozenset(), frozenset())
CHANGES = Resource("Catalogue", "booking-changes")
KINDS = Resource("Catalogue", "booked-visit-types")
