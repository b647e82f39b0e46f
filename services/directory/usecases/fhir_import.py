"""FHIR bulk data into the directory: good resources land, bad ones are told with place and reason, a repeat is nothing.

Types come in the order in which one refers to another, chunk by chunk, each chunk one transaction with its events and
audit entries: an import that was killed is finished by running it again. Whose record a resource is, its business
identifiers say. Where people changed a record since, the import stays modest: it never opens what was closed, never
empties a contact, never takes a patient off a facility, and leaves alone a patient who was merged into another.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from services.directory.domain import fhir
from services.directory.domain.fhir_mapping import clinician_of, facility_of, home_of, patient_of
from services.directory.domain.identities import BusinessIdentifier, PatientMerge
from services.directory.domain.nucc import NAMES
from services.directory.domain.records import Clinician, Facility, Patient, Record, Specialty
from services.directory.ports import FacilityQuery, Near, Store, ZipCodes
from services.directory.usecases.bulk import bulk_record
from services.directory.usecases.fhir_outcome import Line, Outcome, Rejected, Source
from services.directory.usecases.recording import record_change
from services.kernel.actor import system_actor
from services.kernel.audit import AuditEntry
from services.kernel.clock import Clock
from services.kernel.errors import Conflict, Invalid
from services.kernel.ids import new_id

CHUNK = 200
NEAREST_WITHIN_KM = 500.0
PREFIXES: Mapping[str, str] = {"Location": "fac", "Practitioner": "cln", "Patient": "pat"}
KINDS: Mapping[str, type[Any]] = {"Location": Facility, "Practitioner": Clinician, "Patient": Patient}


@dataclass(frozen=True, slots=True)
class _Read:
    """A resource that can land, as far as it is known alone; ``token`` says whose record it is."""

    line: Line
    resource: Any
    tokens: tuple[str, ...]


Make = Callable[[Store, _Read, str, Any, list[str]], Awaitable[Facility | Clinician | Patient]]


class FhirImport:
    """One import. ``advanced`` hears of each line read; ``register_at`` is where patients go that name no facility."""

    def __init__(
        self,
        begin: Callable[[], AbstractAsyncContextManager[Store]],
        zip_codes: ZipCodes,
        clock: Clock,
        advanced: Callable[[int], None] = lambda count: None,
        register_at: str = "",
    ) -> None:
        self._begin = begin
        self._place_of = zip_codes.place
        self._clock = clock
        self._advanced = advanced
        self._register_at = register_at
        self._ids: dict[tuple[str, str], str] = {}
        self._seen: dict[tuple[str, str], str] = {}
        self._managed: dict[str, list[str]] = {}
        self._roles: dict[str, list[tuple[fhir.PractitionerRole, list[str]]]] = {}
        self._nearest: dict[tuple[float, float], str] = {}
        self.outcome = Outcome()

    async def run(self, source: Source) -> Outcome:
        """Import everything of ``source``; raise Invalid for a ``register_at`` that is no facility."""
        if self._register_at:
            async with self._begin() as store:
                if not await store.known(Facility, [self._register_at]):
                    raise Invalid(f"There is no facility {self._register_at}.")
        for read in self._resources(source, "Organization"):
            self._name("Organization", read, read.resource.id)
        await self._land(source, "Location", self._facility)
        practitioners = list(self._resources(source, "Practitioner"))
        for read in practitioners:
            self._name("Practitioner", read, read.resource.id)
        await self._take_roles(source)
        await self._land_all(iter(practitioners), "Practitioner", self._clinician)
        await self._land(source, "Patient", self._patient)
        return self.outcome

    def _resources(self, source: Source, kind: str) -> Iterator[_Read]:
        for line in source.lines(kind):
            self._advanced(1)
            self.outcome.counts[kind]["read"] += 1
            try:
                yield self._read(line, kind)
            except Invalid as fault:
                self._reject(line, kind, fault.detail)

    def _read(self, line: Line, kind: str) -> _Read:
        if line.fault:
            raise Invalid(line.fault)
        if (said := line.content.get("resourceType")) != kind:
            raise Invalid(f"is {said if isinstance(said, str) and said else 'no resource'} in a file of {kind}")
        resource = fhir.read_resource(fhir.TYPES[kind], line.content)
        tokens = () if kind == "PractitionerRole" else resource.tokens
        if kind in PREFIXES and not tokens:
            raise Invalid("identifier: no business identifier with system and value that may be kept")
        place = f"{line.file} line {line.number}"
        for key in ((kind, resource.id), *((kind, token) for token in tokens)):
            if (earlier := self._seen.setdefault(key, place)) != place:
                what = "id" if key[1] == resource.id else "business identifier"
                raise Invalid(f"the {what} stands in {earlier} already")
        return _Read(line, resource, tokens)

    def _name(self, kind: str, read: _Read, record_id: str) -> None:
        for name in (read.resource.id, *read.tokens):
            self._ids[kind, name] = record_id

    def _resolve(self, kind: str, reference: fhir.Reference) -> str:
        """Return what ``reference`` names of this import, "" for nothing; raise Invalid for what is not there."""
        text = reference.reference
        token = reference.identifier.token
        if not text and not token:
            return ""
        if "?identifier=" in text:
            token = text.partition("?identifier=")[2]
        name = token or text.rpartition("/")[2].removeprefix("urn:uuid:")
        try:
            return self._ids[kind, name]
        except KeyError:
            raise Invalid(f"refers to a {kind} that is not there") from None

    async def _take_roles(self, source: Source) -> None:
        for read in self._resources(source, "PractitionerRole"):
            role: fhir.PractitionerRole = read.resource
            try:
                practitioner = self._resolve("Practitioner", role.practitioner)
                if not practitioner:
                    raise Invalid("practitioner: names nobody")
                places = [self._resolve("Location", reference) for reference in role.location]
                organization = self._resolve("Organization", role.organization)
            except Invalid as fault:
                self._reject(read.line, "PractitionerRole", fault.detail)
                continue
            places = [place for place in places if place] or self._managed.get(organization, [])
            if role.active:
                self._roles.setdefault(practitioner, []).append((role, places))

    async def _land(self, source: Source, kind: str, make: Make) -> None:
        await self._land_all(self._resources(source, kind), kind, make)

    async def _land_all(self, reads: Iterator[_Read], kind: str, make: Make) -> None:
        while chunk := list(islice(reads, CHUNK)):
            async with self._begin() as store:
                await self._chunk(store, kind, chunk, make)

    async def _chunk(self, store: Store, kind: str, chunk: Sequence[_Read], make: Make) -> None:
        counts, now = self.outcome.counts[kind], self._clock.now()
        keys = {f"{kind}|{token}" for read in chunk for token in read.tokens}
        known = {
            key: found.record.record_id for key, found in (await store.find_many(BusinessIdentifier, [*keys])).items()
        }
        existing = await store.find_many(KINDS[kind], [*known.values()])
        merged = await store.find_many(PatientMerge, [*known.values()]) if kind == "Patient" else {}
        fresh: list[Record] = []
        touched: list[Patient] = []
        for read in chunk:
            owners = sorted({known[key] for token in read.tokens if (key := f"{kind}|{token}") in known})
            mended: list[str] = []
            try:
                if len(owners) > 1:
                    raise Invalid("identifier: its identifiers belong to different records of ours")
                id_ = owners[0] if owners else f"{PREFIXES[kind]}-{new_id().hex}"
                if id_ in merged:
                    counts["merged"] += 1
                    continue
                former = existing.get(id_)
                record = await make(store, read, id_, former.record if former else None, mended)
            except Invalid as fault:
                self._reject(read.line, kind, fault.detail)
                continue
            self.outcome.mended.update(mended)
            self._name(kind, read, id_)
            fresh += [BusinessIdentifier(key, id_) for token in read.tokens if (key := f"{kind}|{token}") not in known]
            if isinstance(record, Patient):
                touched.append(record)
            if former is None:
                fresh.append(record)
                counts["added"] += 1
            else:
                changed = (await record_change(store, record, former, now)).changed
                counts["changed" if changed else "unchanged"] += 1
        if (await bulk_record(store, fresh, now)).added != len(fresh):
            raise Conflict("Somebody else imports the same data right now; run it again when they are done.")
        await store.audit([self._entry(patient) for patient in touched])

    async def _facility(
        self, store: Store, read: _Read, id_: str, former: Facility | None, mended: list[str]
    ) -> Facility:
        found = facility_of(read.resource, id_, self._place_of, mended)
        if organization := self._resolve("Organization", read.resource.managingOrganization):
            self._managed.setdefault(organization, []).append(id_)
        return replace(found, active=found.active and (former is None or former.active))

    async def _clinician(
        self, store: Store, read: _Read, id_: str, former: Clinician | None, mended: list[str]
    ) -> Clinician:
        roles = self._roles.get(read.resource.id, [])
        places = [place for _, places in roles for place in places]
        if not places:
            raise Invalid("no PractitionerRole says at which location they work")
        found = clinician_of(read.resource, [role for role, _ in roles], id_, places, mended)
        await bulk_record(store, [Specialty(found.specialty, NAMES[found.specialty])], self._clock.now())
        return replace(found, active=found.active and (former is None or former.active))

    async def _patient(self, store: Store, read: _Read, id_: str, former: Patient | None, mended: list[str]) -> Patient:
        resource: fhir.Patient = read.resource
        home = home_of(resource, self._place_of)
        if former is not None:
            found = patient_of(resource, id_, home, former.facility_ids, mended)
            return replace(
                found, email=found.email or former.email, phone=found.phone or former.phone,
                timezone=former.timezone, facility_ids=former.facility_ids, active=found.active and former.active,
            )  # fmt: skip
        organization = self._resolve("Organization", resource.managingOrganization)
        places = self._managed.get(organization, [])
        if not places:
            mended.append("registered-nearest")
            places = [self._register_at or await self._nearest_to(store, home.point)]
        found = patient_of(resource, id_, home, places, mended)
        if found.birth_date > self._clock.now().date():
            raise Invalid("birthDate: lies in the future")
        return found

    async def _nearest_to(self, store: Store, point: tuple[float, float] | None) -> str:
        if point is None:
            raise Invalid("address: tells no place to look for a facility around; use --register-at")
        if point not in self._nearest:
            found = await store.facilities(FacilityQuery(near=Near(*point, NEAREST_WITHIN_KM), limit=1))
            if not found:
                raise Invalid(f"no facility lies within {NEAREST_WITHIN_KM:.0f} km of the address; use --register-at")
            self._nearest[point] = found[0][0].record.facility_id
        return self._nearest[point]

    def _reject(self, line: Line, kind: str, reason: str) -> None:
        self.outcome.counts[kind]["rejected"] += 1
        self.outcome.rejected.append(Rejected(line, kind, reason))

    def _entry(self, patient: Patient) -> AuditEntry:
        importer = system_actor("import")
        return AuditEntry(
            id=new_id(), at=self._clock.now(), service="directory", action="import-patient", outcome="allowed",
            subject=importer.subject, roles=tuple(importer.roles), person="", resource_type="Patient",
            resource_id=patient.patient_id, about=patient.patient_id, reason="", policies=(), correlation_id="",
            facilities=patient.facility_ids,
        )  # fmt: skip
