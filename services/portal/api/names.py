"""Names for ids: facilities, clinicians and visit types from the directory, which may be out: then the id stands in."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from services.kernel.errors import CareslotError, NotFound, Unavailable
from services.portal.api.entrance import Visit

AT_ONCE = 8


async def _nothing() -> str:
    return ""


class Names:
    """Looks up what one page needs, each thing once."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._found: dict[str, asyncio.Task[Mapping[str, Any]]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    async def facility(self, facility_id: str) -> Mapping[str, Any]:
        """Return a facility; its id as its name when the directory is out."""
        return await self._one(f"/facilities/{facility_id}", {"name": facility_id, "city": "", "address": ""})

    async def clinician(self, clinician_id: str) -> str:
        """Return a clinician's name."""
        return str((await self._one(f"/clinicians/{clinician_id}", {"name": clinician_id}))["name"])

    async def patient(self, patient_id: str) -> str:
        """Return a patient's name as a list shows it; "" for nobody's, which is busy time."""
        if not patient_id:
            return ""
        found = await self._one(f"/patients/{patient_id}", {})
        return f"{found['family_name']}, {found['given_name']}" if found else patient_id

    async def visit_type(self, code: str) -> str:
        """Return what a kind of visit is called."""
        listed = (await self._one("/visit-types", {"visit_types": []}))["visit_types"]
        return next((str(kind["name"]) for kind in listed if kind["code"] == code), code)

    async def visits(self, appointments: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return appointments with the names a person reads."""
        return list(await asyncio.gather(*(self._told(appointment) for appointment in appointments)))

    async def with_patients(self, appointments: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return appointments with the patients' names too, for staff."""
        listed = list(appointments)
        told = await self.visits(listed)
        patients = await asyncio.gather(*(self.patient(a["patient_id"]) for a in listed))
        return [{**one, "patient_name": name} for one, name in zip(told, patients, strict=True)]

    async def _told(self, appointment: Mapping[str, Any]) -> dict[str, Any]:
        facility, clinician, kind = await asyncio.gather(
            self.facility(appointment["facility_id"]),
            self.clinician(appointment["clinician_id"]),
            self.visit_type(appointment["visit_type"]) if appointment["visit_type"] else _nothing(),
        )
        return {**appointment, "facility": facility, "clinician_name": clinician, "visit_name": kind}

    async def _one(self, path: str, instead: Mapping[str, Any]) -> Mapping[str, Any]:
        if path not in self._found:
            self._found[path] = asyncio.create_task(self._asked(path, instead))
        return await self._found[path]

    async def _asked(self, path: str, instead: Mapping[str, Any]) -> Mapping[str, Any]:
        async with self._places:
            try:
                return (await self._visit.ask("GET", "directory", path)).body
            except (Unavailable, NotFound):
                return instead
            except CareslotError as error:
                # A name that may not be read is not a reason to hide a page that may.
                if error.status == 403:
                    return instead
                raise
