"""What a running platform leaves in its folder so that other commands find it: where things lie, who listens
where.

Every verb but `up` is a client: it reads this file and nothing else, so that two platforms in two folders can
run beside each other.
"""

import contextlib
import os
import tempfile
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.kernel.errors import NotFound
from services.local.child import CannotStart
from services.local.holding import FolderLock

DEFAULT_FOLDER = Path(".careslot")
PRIVATE = 0o600


class NotRunning(NotFound):
    """No platform runs in the folder that was named."""

    title = "No platform is running"
    slug = "not-running"


class Layout:
    """Where each thing lies below the folder of one platform."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.postgres = self.folder / "postgres"
        self.emulator = self.folder / "emulator"
        self.functions = self.folder / "functions"
        self.environments = self.folder / "env"
        self.keys = self.folder / "keys"
        self.logs = self.folder / "logs"
        self.control = self.folder / "control"
        self.state_file = self.folder / "platform.json"
        self.seeded_file = self.folder / "seeded.json"

    def environment(self, service: str) -> Path:
        """The file with a service's environment variables."""
        return self.environments / f"{service}.env"

    def log(self, service: str) -> Path:
        """The file a service's JSON lines are appended to."""
        return self.logs / f"{service}.log"

    def stopped(self, service: str) -> Path:
        """The file whose existence tells the supervisor to keep a service stopped."""
        return self.control / f"{service}.stopped"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ChildState(_Model):
    """One supervised program: ``state`` is starting, ready, degraded, restarting or stopped."""

    name: str
    state: str
    pid: int | None = None
    port: int | None = None
    restarts: int = 0
    last_fault: str = ""


class DemoUser(_Model):
    """An account of the emulated user pool; the password is for the laptop only."""

    username: str
    password: str = Field(repr=False)
    role: str
    facilities: tuple[str, ...] = ()
    person: str = ""
    note: str = ""


class PlatformState(_Model):
    """A running platform, as `up` describes it."""

    pid: int
    phase: str
    started_at: datetime
    gateway: str
    emulator: str
    region: str
    account: str
    bus: str
    queue_prefix: str = ""
    client_id: str = ""
    databases: dict[str, str] = Field(default_factory=dict)
    users: tuple[DemoUser, ...] = ()
    children: tuple[ChildState, ...] = ()

    def user(self, username: str) -> DemoUser:
        """Return the demo account of that name; raise NotFound naming those that exist."""
        for user in self.users:
            if user.username == username:
                return user
        known = ", ".join(user.username for user in self.users) or "none yet"
        raise NotFound(f"No demo user is called {username!r}; there are: {known}.")

    def child(self, name: str) -> ChildState:
        """Return a supervised program; raise NotFound naming those that exist."""
        for child in self.children:
            if child.name == name:
                return child
        raise NotFound(f"Nothing here is called {name!r}; there are: {', '.join(c.name for c in self.children)}.")


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically, readable by its owner only; raise CannotStart when the disk is full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def write_state(layout: Layout, state: PlatformState) -> None:
    """Tell other commands what runs."""
    write_private(layout.state_file, state.model_dump_json(indent=2) + "\n")


def running_platform(folder: Path, *, ready: bool = True) -> PlatformState:
    """Return the platform that runs in ``folder``; raise NotRunning, or CannotStart while it is not ready
    yet.
    """
    layout = Layout(folder)
    if not layout.folder.is_dir() or not _held(layout.folder):
        raise NotRunning(f"nothing runs in {folder}: start it with `careslot up` (or name its --folder)")
    try:
        state = PlatformState.model_validate_json(layout.state_file.read_text("utf-8"))
    except (FileNotFoundError, ValidationError):
        raise CannotStart(f"the platform in {folder} is only starting: wait until it prints ready") from None
    if ready and state.phase != "ready":
        raise CannotStart(f"the platform in {folder} is {state.phase}: wait until it prints ready")
    return state


def _held(folder: Path) -> bool:
    """Whether a living `up` holds the folder; a file left by a killed one does not count."""
    lock = FolderLock(folder)
    try:
        lock.take()
    except CannotStart:
        return True
    lock.release()
    return False
