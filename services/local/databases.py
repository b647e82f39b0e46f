"""One database and one role a service, migrated by that role, none of which can open another's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psycopg
from psycopg import sql

from services import kernel
from services.kernel.database import migrate
from services.local.postgres import SUPERUSER, PostgresServer

SERVICES = Path(kernel.__file__).resolve().parent.parent


def administer(server: PostgresServer, database: str = SUPERUSER) -> psycopg.Connection[tuple[object, ...]]:
    """Open an autocommit connection as the superuser."""
    return psycopg.connect(server.dsn(SUPERUSER, database), autocommit=True)


def ensure_role(connection: psycopg.Connection[tuple[object, ...]], role: str) -> None:
    """Create the role if it is missing: it may log in and nothing else."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))


def ensure_databases(server: PostgresServer, services: Iterable[str]) -> None:
    """Create for each service a role and a database it owns, both by its name; what exists stays as it is."""
    with administer(server) as connection:
        for service in services:
            ensure_role(connection, service)
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (service,)).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(service)))
            _close_to_others(connection, service)


def migrate_service(server: PostgresServer, service: str, database: str | None = None) -> int:
    """Apply the kernel's migrations, then the service's, as its role; return how many were pending.

    A migration that was killed leaves yoyo's lock behind, a row that makes the next one wait and fail. The
    server's folder has one user, who migrates before any service starts: the row can only be such a leftover.
    """
    database = database or service
    with administer(server, database) as connection:
        if connection.execute("SELECT to_regclass('yoyo_lock')").fetchone() != (None,):
            connection.execute("DELETE FROM yoyo_lock")
    folders = (SERVICES / "kernel" / "migrations", SERVICES / service / "migrations")
    return migrate(server.dsn(service, database), *(folder for folder in folders if folder.is_dir()))


def clone_database(server: PostgresServer, template: str, name: str, owner: str) -> None:
    """Copy a database that nobody is connected to: some 30 ms for an empty migrated one."""
    with administer(server) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(template), sql.Identifier(owner)
            )
        )
        _close_to_others(connection, name)


def drop_database(server: PostgresServer, name: str) -> None:
    """Drop a database if it exists, ending the sessions in it."""
    with administer(server) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _close_to_others(connection: psycopg.Connection[tuple[object, ...]], database: str) -> None:
    """Take back the right to connect that PostgreSQL gives everyone; the owner keeps it."""
    connection.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
