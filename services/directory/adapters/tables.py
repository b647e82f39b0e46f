"""Which table and columns keep which record, so that one set of statements serves every kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, get_type_hints

from services.contracts.roles import Role
from services.contracts.security_labels import SecurityLabel
from services.directory.domain.identities import BusinessIdentifier, PatientMerge
from services.directory.domain.interpreters import Interpreter
from services.directory.domain.records import (
    BreakGlass,
    Clinician,
    Facility,
    Patient,
    Proxy,
    Record,
    RoleAssignment,
    Specialty,
    VisitType,
)


@dataclass(frozen=True, slots=True)
class Table:
    """A record's table: its key, and its columns with their types. ``derived`` columns come from a property."""

    name: str
    kind: type[Any]
    key: str
    columns: Mapping[str, str]
    derived: Sequence[str] = ()
    decode: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every column, as statements list them."""
        return tuple(self.columns)

    def values(self, record: Record) -> list[Any]:
        """Return what ``record`` puts into ``names``."""
        return [getattr(record, name) for name in self.names]

    def json(self, record: Record) -> dict[str, Any]:
        """Return what ``record`` puts into ``names``, JSON-ready."""
        return {name: _plain(getattr(record, name)) for name in self.names}

    def read(self, row: Any) -> Any:
        """Return the record that ``row`` (asyncpg's, or a mapping) keeps."""
        values = {name: row[name] for name in self.names if name not in self.derived}
        return self.kind(**{name: self._decoded(name, value) for name, value in values.items()})

    def _decoded(self, name: str, value: Any) -> Any:
        if name in self.decode:
            return self.decode[name](value)
        return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


_TYPES: Mapping[Any, str] = {
    str: "text", int: "integer", float: "double precision", bool: "boolean", date: "date", datetime: "timestamptz",
    tuple[str, ...]: "text[]", Role: "text", SecurityLabel: "text", datetime | None: "timestamptz",
}  # fmt: skip


def _table(name: str, kind: type[Any], *derived: str, **decode: Callable[[Any], Any]) -> Table:
    types = get_type_hints(kind)
    columns = {column.name: _TYPES[types[column.name]] for column in fields(kind)}
    return Table(name, kind, kind.KEY, {**columns, **dict.fromkeys(derived, "text")}, derived, decode)


TABLES: Mapping[type[Any], Table] = {
    table.kind: table
    for table in (
        _table("facilities", Facility),
        _table("specialties", Specialty),
        _table("visit_types", VisitType, security_label=SecurityLabel),
        _table("clinicians", Clinician),
        _table("interpreters", Interpreter),
        _table("patients", Patient, "family_key"),
        _table("proxies", Proxy),
        _table("role_assignments", RoleAssignment, role=Role),
        _table("break_glass", BreakGlass),
        _table("patient_merges", PatientMerge),
        _table("business_identifiers", BusinessIdentifier),
    )
}


# Only names from TABLES are put into these statements, never values.


def select(table: Table, *, lock: bool = False) -> str:
    """Return the statement that reads the record under a key."""
    return f"SELECT * FROM {table.name} WHERE {table.key} = $1{' FOR UPDATE' if lock else ''}"  # noqa: S608


def select_all(table: Table) -> str:
    """Return the statement that reads every record by key."""
    return f"SELECT * FROM {table.name} ORDER BY {table.key}"  # noqa: S608


def select_known(table: Table) -> str:
    """Return the statement that reads which of many keys exist."""
    return f"SELECT {table.key} AS key FROM {table.name} WHERE {table.key} = ANY($1)"  # noqa: S608


def select_many(table: Table) -> str:
    """Return the statement that reads, locked, which of many keys there are; in order, against deadlocks."""
    return f"SELECT * FROM {table.name} WHERE {table.key} = ANY($1) ORDER BY {table.key} FOR UPDATE"  # noqa: S608


def select_matching(table: Table, column: str) -> str:
    """Return the statement that reads, locked, the records with one value in ``column``."""
    assert column in table.names, "a name of ours, never a caller's"
    return f"SELECT * FROM {table.name} WHERE {column} = $1 ORDER BY {table.key} FOR UPDATE"  # noqa: S608


def select_page(table: Table) -> str:
    """Return the statement that reads records in order of key, after one already seen."""
    return f"SELECT * FROM {table.name} WHERE {table.key} > $1 ORDER BY {table.key} LIMIT $2"  # noqa: S608


def insert(table: Table) -> str:
    """Return the statement that keeps a first version; it returns no row when there is one already."""
    places = ", ".join(f"${n}" for n in range(1, len(table.names) + 1))
    return f"""
        INSERT INTO {table.name} ({", ".join(table.names)}, version) VALUES ({places}, 1)
        ON CONFLICT ({table.key}) DO NOTHING RETURNING version
    """  # noqa: S608


def update(table: Table) -> str:
    """Return the statement that replaces the version before the given one; no row when it is not the current one."""
    sets = ", ".join(f"{name} = ${n}" for n, name in enumerate(table.names, 1))
    key, version = table.names.index(table.key) + 1, len(table.names) + 1
    return f"""
        UPDATE {table.name} SET {sets}, version = ${version}
        WHERE {table.key} = ${key} AND version = ${version} - 1 RETURNING version
    """  # noqa: S608


def upsert_many(table: Table, *, replace: bool) -> str:
    """Return the statement that keeps many records given as one JSON array, touching only rows that differ."""
    names = ", ".join(table.names)
    shape = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
    changing = [name for name in table.names if name not in {table.key, "active"}]
    mine = ", ".join(f"{table.name}.{name}" for name in changing)
    theirs = ", ".join(f"excluded.{name}" for name in changing)
    sets = ", ".join(f"{name} = excluded.{name}" for name in changing)
    conflict = (
        f"DO UPDATE SET {sets}, version = {table.name}.version + 1 WHERE ({mine}) IS DISTINCT FROM ({theirs})"
        if replace
        else "DO NOTHING"
    )
    return f"""
        INSERT INTO {table.name} ({names}, version)
        SELECT {names}, 1 FROM jsonb_to_recordset($1::jsonb) AS given ({shape}) ORDER BY {table.key}
        ON CONFLICT ({table.key}) {conflict} RETURNING {table.key} AS key, version
    """  # noqa: S608
