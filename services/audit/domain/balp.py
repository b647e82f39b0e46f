"""An entry as a FHIR R4 AuditEvent after IHE's Basic Audit Log Patterns (ITI BALP 1.1).

Honest where we know less than the profiles ask for: the caller's network address, its app and the text of a query are
not in our entries, and are said to be unknown (FHIR extension data-absent-reason) instead of made up. The profiles are
for what succeeded: refusals are plain AuditEvents with outcome 4 (FHIR R4, "Access denied").
"""

import re
from typing import Any, Literal

from services.audit.domain.chain import ChainKey, is_break_glass
from services.kernel.audit import AuditEntry

Json = dict[str, Any]
Interaction = Literal["read", "search", "create", "update"]

PROFILES = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
ENTITY_TYPES = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
CHAIN_EXTENSION = "urn:careslot:audit-chain"
UNKNOWN: Json = {
    "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
}

_NAMES: dict[Interaction, str] = {"read": "Read", "search": "Query", "create": "Create", "update": "Update"}
_CODES: dict[Interaction, str] = {"read": "R", "search": "E", "create": "C", "update": "U"}
_SEARCHES = {"read-day", "read-own-appointments", "read-changes", "read-messages", "read-audit"}
_CREATES = {"register-patient", "hold-slot", "book-appointment"}
_FHIR_TYPES = {"Patient", "Appointment", "Schedule"}
_FHIR_ID = re.compile(r"^[A-Za-z0-9.-]{1,64}$")


def interaction_of(entry: AuditEntry) -> Interaction:
    """Return the RESTful interaction that our action is."""
    if entry.action in _SEARCHES or entry.resource_id == "search":
        return "search"
    if entry.action.startswith(("search-", "follow-", "export-")):
        return "search"
    if entry.action.startswith("read-"):
        return "read"
    return "create" if entry.action in _CREATES else "update"


def audit_event(entry: AuditEntry, key: ChainKey, seq: int) -> Json:
    """Return ``entry``, link ``seq`` of ``key``'s chain, as a FHIR R4 AuditEvent in JSON."""
    interaction = interaction_of(entry)
    allowed = entry.outcome == "allowed"
    event: Json = {
        "resourceType": "AuditEvent",
        "id": str(entry.id),
        "extension": [{"url": CHAIN_EXTENSION, "valueString": f"{key.service}/{key.day.isoformat()}/{seq}"}],
        "type": _coding(TERMINOLOGY + "audit-event-type", "rest", "Restful Operation"),
        "subtype": [
            _coding("http://hl7.org/fhir/restful-interaction", interaction, interaction),
            _coding("urn:careslot:action", entry.action),
        ],
        "action": _CODES[interaction],
        "recorded": entry.at.isoformat(),
        "outcome": "0" if allowed else "4",
        "agent": _agents(entry, interaction),
        "source": {
            "observer": _known("service", entry.service),
            "type": [_coding(TERMINOLOGY + "security-source-type", "4", "Application Server")],
        },
        "entity": _entities(entry, interaction),
    }
    if allowed:
        patient = "Patient" if entry.about else ""
        event["meta"] = {"profile": [f"{PROFILES}{patient}{_NAMES[interaction]}"]}
    if entry.reason:
        event["outcomeDesc"] = entry.reason
    if is_break_glass(entry):
        event["purposeOfEvent"] = [{"coding": [_coding(TERMINOLOGY + "v3-ActReason", "BTG", "break the glass")]}]
    return event


def _agents(entry: AuditEntry, interaction: Interaction) -> list[Json]:
    source = _coding("http://dicom.nema.org/resources/ontology/DCM", "110153", "Source Role ID")
    destination = _coding("http://dicom.nema.org/resources/ontology/DCM", "110152", "Destination Role ID")
    # BALP: with a read the data flows from server to client; in all others the request from client to server.
    client_type, server_type = (destination, source) if interaction == "read" else (source, destination)
    person = not entry.subject.startswith("system:") and "external-app" not in entry.roles
    client: Json = {
        "type": {"coding": [client_type]},
        "who": UNKNOWN if person else _known("client", entry.subject),
        "requestor": not person,
        "network": {"_address": UNKNOWN},
    }
    server: Json = {
        "type": {"coding": [server_type]},
        "who": _known("service", entry.service),
        "requestor": False,
        "network": {"address": f"urn:careslot:service:{entry.service}", "type": "5"},
    }
    return [client, server, _user(entry, interaction)] if person else [{**client, **_authority(entry)}, server]


def _user(entry: AuditEntry, interaction: Interaction) -> Json:
    participation = TERMINOLOGY + "v3-ParticipationType"
    reads = interaction in {"read", "search"}
    kind = _coding(participation, "IRCP", "information recipient") if reads else _coding(participation, "AUT", "Author")
    user: Json = {"type": {"coding": [kind]}, "who": _known("subject", entry.subject), "requestor": True}
    if entry.person:
        user["altId"] = entry.person
    return {**user, **_authority(entry)}


def _authority(entry: AuditEntry) -> Json:
    """Return by which roles and policies the caller was let in or refused."""
    found: Json = {}
    if entry.roles:
        found["role"] = [{"coding": [_coding("urn:careslot:role", role)]} for role in entry.roles]
    if entry.policies:
        found["policy"] = [f"urn:careslot:policy:{policy}" for policy in entry.policies]
    return found


def _entities(entry: AuditEntry, interaction: Interaction) -> list[Json]:
    entities: list[Json] = []
    if entry.about:
        patient = _known("patient", entry.about)
        if _FHIR_ID.fullmatch(entry.about):
            patient["reference"] = f"Patient/{entry.about}"
        entities.append(
            {
                "what": {**patient, "type": "Patient"},
                "type": _coding(TERMINOLOGY + "audit-entity-type", "1", "Person"),
                "role": _coding(TERMINOLOGY + "object-role", "1", "Patient"),
            }
        )
    thing = _coding(TERMINOLOGY + "audit-entity-type", "2", "System Object")
    if interaction == "search":
        role = _coding(TERMINOLOGY + "object-role", "24", "Query")
        what = f"{entry.action} {entry.resource_type} {entry.resource_id}".strip()
        entities.append({"type": thing, "role": role, "description": what, "_query": UNKNOWN})
    elif entry.resource_type:
        role = _coding(TERMINOLOGY + "object-role", "4", "Domain Resource")
        data = _known(entry.resource_type.lower(), entry.resource_id)
        if entry.resource_type in _FHIR_TYPES:
            data["type"] = entry.resource_type
        entities.append({"what": data, "type": thing, "role": role})
    if entry.correlation_id:
        kind = _coding(ENTITY_TYPES, "XrequestId")
        entities.append({"what": {"identifier": {"value": entry.correlation_id}}, "type": kind})
    return entities


def _known(kind: str, value: str) -> Json:
    return {"identifier": {"system": f"urn:careslot:{kind}", "value": value}} if value else dict(UNKNOWN)


def _coding(system: str, code: str, display: str = "") -> Json:
    return {"system": system, "code": code, **({"display": display} if display else {})}
