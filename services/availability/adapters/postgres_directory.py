"""The directory's records as this service was last told them; an older version never replaces a newer one."""

from collections.abc import Collection, Mapping, Sequence

import asyncpg

from services.availability.domain.directory import Clinician, Facility, VisitType
from services.availability.domain.places import Box, Place
from services.kernel.database import Connection

_FACILITY = "SELECT facility_id, version, name, latitude, longitude, timezone, active FROM facility"
_CLINICIAN = "SELECT clinician_id, version, name, specialty, languages, facility_ids, active FROM clinician"
_VISIT_TYPE = "SELECT visit_type, version, specialty, minutes, active FROM visit_type"


class DirectoryRows:
    """Implements ports.Directory on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put_facility(self, facility: Facility) -> bool:
        """Keep the facility unless a version as new is kept."""
        return bool(
            await self._connection.fetchval(
                """
                INSERT INTO facility (facility_id, version, name, latitude, longitude, timezone, active)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                ON CONFLICT (facility_id) DO UPDATE SET version = excluded.version, name = excluded.name,
                    latitude = excluded.latitude, longitude = excluded.longitude, timezone = excluded.timezone,
                    active = excluded.active
                WHERE excluded.version > facility.version RETURNING true
                """,
                *facility_row(facility),
            )
        )

    async def put_clinician(self, clinician: Clinician) -> bool:
        """Keep the clinician unless a version as new is kept."""
        return bool(
            await self._connection.fetchval(
                """
                INSERT INTO clinician (clinician_id, version, name, specialty, languages, facility_ids, active)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                ON CONFLICT (clinician_id) DO UPDATE SET version = excluded.version, name = excluded.name,
                    specialty = excluded.specialty, languages = excluded.languages,
                    facility_ids = excluded.facility_ids, active = excluded.active
                WHERE excluded.version > clinician.version RETURNING true
                """,
                *clinician_row(clinician),
            )
        )

    async def put_visit_type(self, visit_type: VisitType) -> bool:
        """Keep the visit type unless a version as new is kept."""
        return bool(
            await self._connection.fetchval(
                """
                INSERT INTO visit_type (visit_type, version, specialty, minutes, active)
                VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (visit_type) DO UPDATE SET version = excluded.version, specialty = excluded.specialty,
                    minutes = excluded.minutes, active = excluded.active
                WHERE excluded.version > visit_type.version RETURNING true
                """,
                *visit_type_row(visit_type),
            )
        )

    async def facilities(self, facility_ids: Collection[str]) -> Mapping[str, Facility]:
        """Return those of ``facility_ids`` that are known, by id."""
        rows = await self._connection.fetch(f"{_FACILITY} WHERE facility_id = ANY($1)", list(facility_ids))
        return {row["facility_id"]: facility_of(row) for row in rows}

    async def facilities_in(self, box: Box) -> Sequence[Facility]:
        """Return the active facilities in ``box``."""
        rows = await self._connection.fetch(
            f"{_FACILITY} WHERE active AND latitude BETWEEN $1 AND $2 AND longitude BETWEEN $3 AND $4",
            box.south, box.north, box.west, box.east,
        )  # fmt: skip
        return [facility_of(row) for row in rows]

    async def clinicians(self, clinician_ids: Collection[str]) -> Mapping[str, Clinician]:
        """Return those of ``clinician_ids`` that are known, by id."""
        rows = await self._connection.fetch(f"{_CLINICIAN} WHERE clinician_id = ANY($1)", list(clinician_ids))
        return {row["clinician_id"]: clinician_of(row) for row in rows}

    async def clinician_ids(self) -> Sequence[str]:
        """Return every clinician that is known."""
        return [row["clinician_id"] for row in await self._connection.fetch("SELECT clinician_id FROM clinician")]

    async def visit_type(self, visit_type: str) -> VisitType | None:
        """Return the visit type, None when it is not known."""
        row = await self._connection.fetchrow(f"{_VISIT_TYPE} WHERE visit_type = $1", visit_type)
        return None if row is None else VisitType(**row)

    async def visit_types_of(self, specialty: str) -> Sequence[VisitType]:
        """Return every visit type of the specialty."""
        rows = await self._connection.fetch(f"{_VISIT_TYPE} WHERE specialty = $1", specialty)
        return [VisitType(**row) for row in rows]


def facility_row(facility: Facility) -> tuple[object, ...]:
    """Return the columns of ``facility``, in the table's order."""
    place = facility.place
    return (
        facility.facility_id, facility.version, facility.name, place.latitude, place.longitude, facility.timezone,
        facility.active,
    )  # fmt: skip


def clinician_row(clinician: Clinician) -> tuple[object, ...]:
    """Return the columns of ``clinician``, in the table's order."""
    return (
        clinician.clinician_id, clinician.version, clinician.name, clinician.specialty, list(clinician.languages),
        list(clinician.facility_ids), clinician.active,
    )  # fmt: skip


def visit_type_row(visit_type: VisitType) -> tuple[object, ...]:
    """Return the columns of ``visit_type``, in the table's order."""
    return visit_type.visit_type, visit_type.version, visit_type.specialty, visit_type.minutes, visit_type.active


def clinician_of(row: asyncpg.Record) -> Clinician:
    """Return the clinician of a row."""
    return Clinician(
        row["clinician_id"], row["version"], row["name"], row["specialty"], tuple(row["languages"]),
        tuple(row["facility_ids"]), row["active"],
    )  # fmt: skip


def facility_of(row: asyncpg.Record) -> Facility:
    """Return the facility of a row."""
    return Facility(
        row["facility_id"], row["version"], row["name"], Place(row["latitude"], row["longitude"]), row["timezone"],
        row["active"],
    )  # fmt: skip
