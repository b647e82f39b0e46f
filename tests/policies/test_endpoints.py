"""Who may call which operation, found by calling each one as each role and written as one table a reviewer can read.

`access_matrix.txt` says what the policies give for an action; this says what the running services make of it, and
finds an operation that asks for the wrong action, about the wrong record, or not at all. Cells are as there: `own`
inside the role assignment, `all` everywhere, `-` never, after the stroke with an assignment for everywhere or every
scope. Rows with a label are about a visit inside the assignment that is labelled so; there `own` is replaced by `busy`
where only taken time is shown, and after the stroke stands what a role assignment covering the label sees.
Make it anew with `python -m tests.policies.test_endpoints` and read the difference before committing it.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from services.contracts.roles import Role
from services.kernel.actor import Actor
from tests.fixtures.edge import ROOT
from tests.fixtures.platform import NewDatabase
from tests.policies.actors import ACTORS, cleared, everywhere
from tests.policies.asking import Ask, Service
from tests.policies.services_to_ask import every_service

EXPECTED = Path(__file__).with_name("endpoint_matrix.txt")
WRITE = "CARESLOT_WRITE_ENDPOINT_MATRIX"
NO_STREAM = {
    # A stream does not end, and httpx's in-process transport waits for the end: tests/services/booking/test_streams.py.
    ("booking", "GET /facilities/{facility_id}/stream"),
    ("booking", "GET /appointments/{appointment_id}/stream"),
}
WIDENED = {Role.FRONT_DESK, Role.SCHEDULER, Role.FACILITY_ADMINISTRATOR, Role.AUDITOR, Role.EXTERNAL_APP}


def guarded_operations() -> set[tuple[str, str]]:
    """Return every operation that opens a gate of its own, as the OpenAPI documents name them.

    The portal's pages open none: each delegates to operations of this table (`x-careslot-delegates`), with the
    user's own token, and shows what these answer.
    """
    found = set()
    for document in (ROOT / "services" / "contracts" / "openapi").glob("*.json"):
        for path, operations in json.loads(document.read_text("utf-8"))["paths"].items():
            for method, operation in operations.items():
                if "x-careslot-action" in operation:
                    found.add((document.stem, f"{method.upper()} {path}"))
    return found


async def reach(service: Service, operation: str, actor: Actor, inside: Ask, outside: Ask) -> str:
    """Say how far `actor` reaches with `operation`."""
    if await service.ask(operation, actor, outside) != "-":
        return "all"
    return "-" if await service.ask(operation, actor, inside) == "-" else "own"


async def cell(service: Service, operation: str, role: Role, asks: tuple[Ask, Ask]) -> str:
    """Say how far a role reaches, and after the stroke how far with an assignment for everywhere."""
    actor = fresh(service, ACTORS[role])
    plain = await reach(service, operation, actor, *asks)
    if plain == "all" or role not in WIDENED:
        return plain
    wide = await reach(service, operation, everywhere(actor), *asks)
    return plain if plain == wide else f"{plain}/{wide}"


async def labelled_cell(service: Service, operation: str, role: Role, ask: Ask) -> str:
    """Say what a role may do with a labelled visit inside its assignment, and after the stroke when cleared for it."""
    words = {"yes": "own"}
    actor = fresh(service, ACTORS[role])
    if await service.ask(operation, actor, service.asks[operation][0]) == "-":
        return "-"  # a label only takes away
    plain, more = [await service.ask(operation, one, ask) for one in (actor, cleared(actor))]
    found = [words.get(one, one) for one in (plain, more)]
    return found[0] if found[0] == found[1] else "/".join(found)


def fresh(service: Service, actor: Actor) -> Actor:
    """Let `actor` have signed in just now."""
    now = service.app.state.edge.clock.now()
    return replace(actor, authenticated_at=int(now.timestamp()))


async def matrix(services: list[Service]) -> str:
    """Ask everything and draw the table."""
    named = [f"{service.name} {operation} [ETH]" for service in services for operation in service.asks]
    columns = max(map(len, named)) + 1
    lines = [f"{'operation':{columns}}" + "".join(f"{role.value:>24}" for role in Role)]
    for service in services:
        for operation, asks in sorted(service.asks.items(), key=lambda found: found[0].split()[::-1]):
            cells = [await cell(service, operation, role, asks) for role in Role]
            lines.append(f"{service.name + ' ' + operation:{columns}}" + "".join(f"{told:>24}" for told in cells))
        for label, marked in service.labelled.items():
            for operation, ask in sorted(marked.items(), key=lambda found: found[0].split()[::-1]):
                cells = [await labelled_cell(service, operation, role, ask) for role in Role]
                name = f"{service.name} {operation} [{label}]"
                lines.append(f"{name:{columns}}" + "".join(f"{told:>24}" for told in cells))
    return "\n".join(line.rstrip() for line in lines) + "\n"


async def test_the_services_answer_each_role_exactly_as_the_table_says(database: NewDatabase) -> None:
    async with every_service(database) as services:
        asked = {(service.name, operation) for service in services for operation in service.asks}
        left_out = guarded_operations() - asked - NO_STREAM
        assert not left_out, f"give each a line in tests/policies/services_to_ask.py: {sorted(left_out)}"
        assert not asked - guarded_operations(), "asked for, but no service has it"
        found = await matrix(services)
        faults = [fault for service in services for fault in service.faults]
    assert not faults, "\n".join(dict.fromkeys(faults))
    if os.environ.get(WRITE):
        EXPECTED.write_text(found, "utf-8")
    assert found == EXPECTED.read_text("utf-8")


if __name__ == "__main__":
    os.environ[WRITE] = "1"
    sys.exit(pytest.main([__file__, "-q"]))
