"""An image is really built, migrates its database, serves as nobody on a read-only root, and is booked through.

`make image-test` runs it; elsewhere it is left out: it takes minutes, root, and programs that a laptop may not have.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from services.local.bench.booking_stand import Stand, booking_stand
from services.local.databases import ensure_database
from services.local.holding import free_port
from tests.pipelines.images.bases import bases, missing, run

pytestmark = [
    pytest.mark.skipif(os.environ.get("CARESLOT_IMAGE_TEST") != "1", reason="takes minutes: `make image-test`"),
    pytest.mark.timeout(1800),
]
READY_SECONDS = 60
# PostgreSQL's socket belongs to nobody here, so nobody serves; in AWS it is the image's own user, over TCP.
NOBODY = "65534:65534"
FENCED = [
    "--network", "host", "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--user", NOBODY,
    # Where tests run there is neither systemd, whose timers podman asks for health, nor a right to raise limits.
    "--no-healthcheck", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000",
]  # fmt: skip
Build = Callable[[], dict[str, str]]
Start = Callable[..., list[str]]


@pytest.fixture(scope="module")
def build() -> Build:
    """Builds booking's image, as a pipeline does."""
    if lacking := missing():
        pytest.fail(f"needs {', '.join(lacking)}: apt-get install buildah podman debootstrap runc", pytrace=False)
    os.environ.setdefault("BUILDAH_ISOLATION", "chroot")
    base, build_base = bases()

    def built() -> dict[str, str]:
        words = ("image", "build", "booking", "--base", base, "--build-base", build_base, "--json")
        made: dict[str, str] = json.loads(run(".venv/bin/careslot", *words))
        return made | {"name": f"{made['image']}:{made['revision']}"}

    return built


@pytest.fixture(scope="module")
def image(build: Build) -> str:
    """Booking's image by name."""
    return build()["name"]


@pytest.fixture(scope="module")
def stand(short_folder: Path) -> Iterator[Stand]:
    """What booking needs around it, and no booking."""
    with booking_stand(short_folder / "stand", workers=0) as made:
        ensure_database(made.server, "fresh", "booking")
        yield made


@pytest.fixture(scope="module")
def start(stand: Stand, image: str) -> Start:
    """Returns the words that run a program of the image on a port."""

    def words(port: int, program: str, *options: str) -> list[str]:
        told = stand.variables(port) | {"CARESLOT_DATABASE_URL": stand.server.dsn("booking", "fresh")}
        # Where it listens and what it reads, the image knows; the rest is the platform's to tell.
        del told["CARESLOT_ACCESS_POLICIES"]
        # Public keys by value: the files are closed to everyone but this user.
        told |= {
            key: Path(told[key]).read_text("utf-8") for key in ("CARESLOT_OFFER_KEYS", "CARESLOT_BREAK_GLASS_KEYS")
        }
        variables = [word for key, value in told.items() for word in ("--env", f"{key}={value}")]
        socket = ["--volume", f"{stand.server.sockets}:{stand.server.sockets}"]
        return ["podman", "--runtime", "runc", "run", *options, *FENCED, *variables, *socket, image, program]

    return words


def test_an_image_migrates_serves_and_is_booked_through(stand: Stand, start: Start) -> None:
    port = free_port()
    assert "migrations applied" in run(*start(port, "migrate", "--rm"))
    assert run(*start(port, "migrate", "--rm")) == "booking: 0 migrations applied\n"
    name = f"careslot-image-test-{os.getpid()}"
    run(*start(port, "serve", "--detach", "--name", name))
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            _alive(client, name)
            _book(client, stand)
        run("podman", "exec", name, "python3", "/app/start.py", "healthy")
        refused = subprocess.run(["podman", "exec", name, "touch", "/app/x"], capture_output=True, check=False)
        assert refused.returncode
        assert "65534" in run("podman", "exec", name, "id", "--user")
        for tool in ("pip", "gcc", "ensurepip"):
            left = subprocess.run(["podman", "exec", name, "python3", "-m", tool], capture_output=True, check=False)
            assert left.returncode, tool
    finally:
        run("podman", "rm", "--force", "--time", "5", name)


def test_an_image_says_who_it_runs_as_and_how_it_is(image: str) -> None:
    (seen,) = json.loads(run("podman", "image", "inspect", image))
    assert seen["Config"]["User"] == "10001:10001"
    assert seen["Healthcheck"]["Test"] == ["CMD", "python3", "/app/start.py", "healthy"]
    assert seen["Config"]["ExposedPorts"] == {"8103/tcp": {}}


def test_the_same_commit_gives_the_same_layers(build: Build, image: str) -> None:
    def layers() -> list[str]:
        (seen,) = json.loads(run("podman", "image", "inspect", image))
        found: list[str] = seen["RootFS"]["Layers"]
        return found

    before = layers()
    build()
    assert layers() == before


def _alive(client: httpx.Client, name: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            if client.get("/livez").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, run("podman", "logs", name)[-3000:]
        time.sleep(0.2)


def _book(client: httpx.Client, stand: Stand) -> None:
    tomorrow = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    offer = stand.offer("cln-00001", tomorrow)

    def book(patient: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {stand.tokens[0]}", "idempotency-key": str(uuid4())}
        return client.post("/appointments", headers=headers, json={"offer": offer, "patient_id": patient})

    first, second = book("pat-000001"), book("pat-000002")
    assert (first.status_code, first.json()["status"]) == (201, "booked"), first.text
    assert second.status_code == 409, second.text
