"""Each service has its own database and role, and cannot get at another's."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from services.local.databases import (
    administer,
    connection_budget,
    drop_database,
    ensure_databases,
    migrate_service,
    with_database,
)
from services.local.postgres import PostgresServer

Services = Callable[[], tuple[str, str]]


@pytest.fixture
def two(postgres: PostgresServer) -> tuple[str, str]:
    names = ("alpha", "beta")
    for name in names:
        drop_database(postgres, name)
    ensure_databases(postgres, names)
    return names


def test_a_role_owns_its_database_and_nothing_more(postgres: PostgresServer, two: tuple[str, str]) -> None:
    with psycopg.connect(postgres.dsn("alpha")) as connection:
        connection.execute("CREATE TABLE mine (n int)")
        held = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles "
            "WHERE rolname = current_user"
        ).fetchone()
        assert held == (False,) * 5
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(postgres.dsn("alpha", "beta"))


def test_making_them_again_keeps_what_is_in_them(postgres: PostgresServer, two: tuple[str, str]) -> None:
    with psycopg.connect(postgres.dsn("alpha")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    ensure_databases(postgres, two)
    with psycopg.connect(postgres.dsn("alpha")) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)


def test_migrations_run_once_as_the_service_and_survive_a_killed_predecessor(
    postgres: PostgresServer, two: tuple[str, str]
) -> None:
    assert migrate_service(postgres, "alpha") > 0
    with psycopg.connect(postgres.dsn("alpha"), autocommit=True) as connection:
        owner = connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'outbox'").fetchone()
        assert owner == ("alpha",)
        connection.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 99999)")
    assert migrate_service(postgres, "alpha") == 0


def test_a_fresh_database_is_nobody_elses(database: Callable[[str], str]) -> None:
    first, second = database("kernel"), database("kernel")
    with psycopg.connect(first) as connection:
        connection.execute("INSERT INTO inbox (consumer, event_id) VALUES ('x', gen_random_uuid())")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT count(*) FROM inbox").fetchone() == (0,)


def test_the_server_grants_what_the_catalogue_promises(postgres: PostgresServer) -> None:
    assert {"booking", "directory"} <= set(with_database())
    with administer(postgres) as connection:
        granted = connection.execute("SELECT current_setting('max_connections')::int").fetchone()
    assert granted is not None
    assert connection_budget() <= int(str(granted[0]))
