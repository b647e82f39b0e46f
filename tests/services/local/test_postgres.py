"""The embedded server keeps what was committed, and does not stay behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from services.local.child import CannotStart
from services.local.postgres import SUPERUSER, PostgresServer
from tests.fixtures.waiting import eventually, gone


@pytest.fixture
def folder(short_folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = short_folder / f"own{abs(hash(request.node.name)) % 10**8}" / "pg"
    yield path
    shutil.rmtree(path.parent, ignore_errors=True)


@pytest.fixture
def server(folder: Path) -> Iterator[PostgresServer]:
    made = PostgresServer(folder)
    yield made
    made.stop()


def execute(server: PostgresServer, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.dsn(SUPERUSER), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_data_survives_a_stop_and_a_crash(server: PostgresServer) -> None:
    server.start()
    execute(server, "CREATE TABLE kept AS SELECT 1 AS n")
    server.stop()
    server.start()
    execute(server, "INSERT INTO kept VALUES (2)")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: server.poll() is not None)
    assert server.poll() == 128 + signal.SIGKILL
    assert (server.folder / "postmaster.pid").exists()
    server.start()
    assert execute(server, "SELECT n FROM kept ORDER BY n") == [(1,), (2,)]
    assert execute(server, "SHOW fsync") == [("on",)]


def test_sessions_left_by_a_killed_server_are_ended_before_the_next_one_runs(server: PostgresServer) -> None:
    server.start()
    busy = psycopg.connect(server.dsn(SUPERUSER), autocommit=True)
    backend = busy.info.backend_pid
    sql = "DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$"  # never waits, so it does not see the postmaster go
    busy.pgconn.send_query(sql.encode())
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: server.poll() is not None)
    assert not gone(backend)
    server.stop()
    server.start()
    assert gone(backend)
    assert execute(server, "SELECT 1") == [(1,)]
    busy.close()


def test_a_pid_file_that_names_some_other_living_process_is_not_believed(server: PostgresServer) -> None:
    server.start()
    server.stop()
    other = subprocess.Popen(["sleep", "60"], user=server.folder.stat().st_uid if os.geteuid() == 0 else None)
    try:
        (server.folder / "postmaster.pid").write_text(f"{other.pid}\n{server.folder}\n1\n5432\n\n\n\nready\n")
        server.start()
        assert execute(server, "SELECT 1") == [(1,)]
        assert other.poll() is None, "and it is left alone"
    finally:
        other.kill()
        other.wait()


def test_a_second_one_on_the_same_folder_is_refused(server: PostgresServer) -> None:
    server.start()
    with pytest.raises(CannotStart, match=rf"in use by process {os.getpid()}"):
        PostgresServer(server.folder).start()
    assert execute(server, "SELECT 1") == [(1,)], "and the first one goes on"


async def test_services_reach_it_by_either_driver_whatever_pgport_says(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6000")
    server.start()
    assert execute(server, "SELECT 1") == [(1,)]
    connection = await asyncpg.connect(server.dsn(SUPERUSER))
    try:
        assert await connection.fetchval("SELECT current_user") == SUPERUSER
        assert await connection.fetchval("SHOW listen_addresses") == ""
    finally:
        await connection.close()
    assert server.folder.stat().st_mode & 0o077 == 0, "nobody else gets at the socket"


@pytest.mark.parametrize("name", ["x" * 110, "a b", "a,b", "a'b", 'a"b'])
async def test_any_path_will_do(short_folder: Path, name: str) -> None:
    server = PostgresServer(short_folder / name / "pg", durable=False)
    try:
        server.start()
        connection = await asyncpg.connect(server.dsn(SUPERUSER))
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
    finally:
        server.stop()
    assert server.sockets == server.folder or not server.sockets.exists()


def test_a_folder_with_something_else_in_it_is_left_alone(server: PostgresServer) -> None:
    server.folder.mkdir(parents=True)
    (server.folder / "thesis.txt").write_text("years of work")
    with pytest.raises(CannotStart, match="holds files that are not a database"):
        server.start()
    assert (server.folder / "thesis.txt").read_text() == "years of work"


def test_a_half_made_folder_is_made_anew(server: PostgresServer) -> None:
    half = server.folder.with_name("pg.new")
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server.start()
    assert execute(server, "SELECT 1") == [(1,)]


def test_a_full_disk_is_called_one(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        server = PostgresServer(disk / "pg", log=tmp_path / "pg.log", durable=False)
        with pytest.raises(CannotStart, match="MB free, and 500 MB are needed"):
            server.start()
        server = PostgresServer(disk / "pg", log=tmp_path / "pg.log", durable=False, room=0)
        server.start()
        with pytest.raises(psycopg.Error):
            execute(server, "CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
        fill = subprocess.run(["dd", "if=/dev/zero", f"of={disk / 'rest'}"], capture_output=True, check=False)
        assert b"No space left" in fill.stderr
        # On a full disk the server may well die by itself before it is killed here.
        if (pid := server.pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: server.poll() is not None)
        with pytest.raises(CannotStart, match=f"the disk that holds {disk / 'pg'} is full"):
            server.start()
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


PARENT = """
import sys, time
from pathlib import Path
from services.local.postgres import PostgresServer
server = PostgresServer(Path(sys.argv[1]), durable=False)
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


def test_it_goes_when_its_parent_is_killed_and_starts_again(folder: Path, server: PostgresServer) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
    finally:
        parent.kill()
        parent.communicate()
    assert eventually(lambda: gone(pid))
    assert not (folder / "postmaster.pid").exists(), "it was stopped in order, not crashed"
    server.start()
    assert execute(server, "SELECT 1") == [(1,)]


def test_its_log_names_no_values(server: PostgresServer) -> None:
    server.start()
    execute(server, "CREATE TABLE person (name text PRIMARY KEY)")
    execute(server, "INSERT INTO person VALUES ('Zebulon Planted')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        execute(server, "INSERT INTO person VALUES ('Zebulon Planted')")
    server.stop()
    said = server.folder.with_name("pg.log").read_text()
    assert "duplicate key value violates unique constraint" in said
    assert "Zebulon" not in said
