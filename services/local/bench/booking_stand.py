"""Booking by itself, as real processes over a real database, for measurements that nothing else should disturb.

Tokens are RS256 and checked against published keys, offers are signed as availability signs them, policies are the
estate's. Other services are absent, as they are for booking when they are out: it must not need them.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from services.contracts.slot_offer import OfferedResource, SigningKey, SlotOffer, slot_id
from services.local.bench.load import request
from services.local.child import CannotStart, Child
from services.local.databases import ensure_databases, migrate_service
from services.local.environment import ACCESS_POLICIES, process_environment
from services.local.holding import free_port
from services.local.offer_keys import ensure_glass_keys, ensure_offer_keys
from services.local.postgres import PostgresServer

ISSUER = "https://sign-in.bench"
CLIENT = "bench"
PEOPLE = 200
FACILITY = "fac-0001"
READY_SECONDS = 60.0
# As long as nobody listens there, booking is what it is while the bus is out: events wait in the outbox.
NO_AWS = "http://127.0.0.1:9"


@dataclass
class Stand:
    """A running stand: its database, its workers and what clients need to speak to them."""

    server: PostgresServer
    folder: Path
    aws: str
    signing: SigningKey
    pool: int
    tokens: Sequence[str] = ()
    ports: list[int] = field(default_factory=list)
    workers: list[Child] = field(default_factory=list)
    jwks_url: str = ""

    @property
    def dsn(self) -> str:
        """Address of booking's database."""
        return self.server.dsn("booking")

    def variables(self, port: int) -> dict[str, str]:
        """Return what a process of booking is told here."""
        return {
            "CARESLOT_DATABASE_URL": self.dsn, "CARESLOT_DATABASE_POOL": str(self.pool),
            "CARESLOT_TOKEN_ISSUER": ISSUER, "CARESLOT_TOKEN_AUDIENCES": CLIENT,
            "CARESLOT_TOKEN_JWKS_URL": self.jwks_url, "CARESLOT_ACCESS_POLICIES": str(ACCESS_POLICIES),
            "CARESLOT_PORT": str(port), "CARESLOT_OFFER_KEYS": str(self.folder / "slot-offer.jwks.json"),
            "CARESLOT_BREAK_GLASS_KEYS": str(self.folder / "break-glass.jwks.json"), "AWS_ENDPOINT_URL": self.aws,
            "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip

    def begin(self, number: int) -> None:
        """Start a worker, or start it again, and wait until it answers."""
        root = Path(__file__).resolve().parents[3]
        variables = self.variables(self.ports[number])
        self.workers[number] = Child(
            f"booking {number + 1}", [sys.executable, "-m", "services.booking.main"], cwd=root,
            log=self.folder / f"booking-{number + 1}.log", env=process_environment(variables),
        )  # fmt: skip
        self.workers[number].start()
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready(number):
            if self.workers[number].poll() is not None or time.monotonic() > deadline:
                raise CannotStart(f"booking does not start: {self.workers[number].output()[-2000:]}")
            time.sleep(0.05)

    def end(self, number: int) -> None:
        """Stop a worker politely."""
        self.workers[number].stop()

    def _ready(self, number: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[number]}/livez", timeout=1.0) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def offer(self, clinician: str, starts: datetime, minutes: int = 20, capacity: int = 0) -> str:
        """Return a signed offer of a slot of ``clinician`` with a room of their own."""
        resources = (
            OfferedResource(kind="clinician", id=clinician), OfferedResource(kind="room", id=f"room-{clinician}"),
        )  # fmt: skip
        offered = SlotOffer(
            slot_id=slot_id(clinician, FACILITY, "family-medicine-follow-up", starts, minutes),
            clinician_id=clinician, facility_id=FACILITY, specialty="family-medicine",
            visit_type="family-medicine-follow-up", starts_at=starts, ends_at=starts + timedelta(minutes=minutes),
            timezone="America/New_York", resources=resources, schedule_version=1,
            capacity=capacity,
        )  # fmt: skip
        return self.signing.sign(offered, datetime.now(UTC))

    def booking(self, offer: str, patient: str, person: int = 0, key: str = "") -> bytes:
        """Return the request that books ``offer``, in the name of one of the people at the desk."""
        headers = {
            "authorization": f"Bearer {self.tokens[person % len(self.tokens)]}",
            "idempotency-key": key or str(uuid4()), "content-type": "application/json",
        }  # fmt: skip
        return request("POST", "/appointments", headers, {"offer": offer, "patient_id": patient})


@contextmanager
def booking_stand(folder: Path, *, workers: int = 2, aws: str = NO_AWS, pool: int = 12) -> Iterator[Stand]:
    """Run booking over a database of its own in ``folder``, with ``workers`` processes."""
    with ExitStack() as open_:
        server = PostgresServer(folder / "postgres", log=folder / "postgres.log")
        open_.callback(server.stop)
        server.start()
        ensure_databases(server, ["booking"])
        migrate_service(server, "booking")
        ensure_glass_keys(folder)
        keys = ensure_offer_keys(folder)
        signing = SigningKey(keys.key_id, keys.private.read_text())
        stand = Stand(server, folder, aws, signing, pool)
        stand.jwks_url, stand.tokens = open_.enter_context(_sign_in())
        stand.ports = [free_port() for _ in range(workers)]
        for number, port in enumerate(stand.ports):
            stand.workers.append(Child(f"booking {port}", [], log=folder / "none.log"))
            open_.callback(stand.end, number)
            stand.begin(number)
        yield stand


@contextmanager
def _sign_in() -> Iterator[tuple[str, Sequence[str]]]:
    """Publish a key as a user pool does; return where, and a token for each of the people at the desk."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = {**RSAAlgorithm.to_jwk(private.public_key(), as_dict=True), "kid": "bench", "alg": "RS256", "use": "sig"}
    document = json.dumps({"keys": [public]}).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: object) -> None: ...

    now = int(time.time())
    claims = {
        "iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 24 * 3600, "token_use": "id",
        "cognito:groups": ["front-desk"], "custom:facilities": FACILITY,
    }  # fmt: skip
    tokens = [
        jwt.encode({**claims, "sub": f"sub-{n}"}, private, "RS256", headers={"kid": "bench"}) for n in range(PEOPLE)
    ]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", tokens
    finally:
        server.shutdown()
        server.server_close()
