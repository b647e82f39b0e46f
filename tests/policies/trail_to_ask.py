"""The audit trail over real PostgreSQL, empty: what may be asked of it does not hang on what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from services.audit.adapters.postgres import unit_of_work
from services.audit.adapters.postgres_reader import begin_reading
from services.audit.main import create
from services.audit.ports import StoredAnchor
from services.audit.usecases.review import Review
from services.audit.usecases.standing import Standing
from services.audit.usecases.verify import VerifyTrail
from services.kernel.clock import FixedClock
from tests.policies.asking import Ask, NewDatabase, Service, both, opened, same
from tests.services.notifications.examples import NOW


class NoAnchors:
    """Write-once storage that nothing was put into."""

    async def put(self, number: int, body: str, retain_until: object) -> str:
        """Keep what is given."""
        return body

    async def everything(self) -> Sequence[StoredAnchor]:
        """Return nothing."""
        return ()


async def audit(stack: AsyncExitStack, new: NewDatabase) -> Service:
    """An empty trail."""
    database, clock = await opened(stack, new("audit")), FixedClock(NOW)
    app, begin = create(), unit_of_work(database)
    app.state.clock, app.state.review = clock, Review(begin)
    app.state.standing = Standing(begin, VerifyTrail(begin_reading(database, "audit-entries"), NoAnchors()))
    paths = {
        "/patients/{patient_id}/accesses": "/patients/pat-1/accesses", "/users/{subject}/accesses": "/users/u/accesses",
        "/refusals": "/refusals", "/break-glass": "/break-glass", "/export": "/export",
    }  # fmt: skip

    def of_facility(path: str) -> tuple[Ask, Ask]:
        return both(lambda n: Ask(path, None, {"facility": f"fac-{n}"}))

    asks = {f"GET {template}": of_facility(path) for template, path in paths.items()}
    asks["GET /chains/{day}"] = same("/chains/2027-01-04")
    asks["POST /chains/{day}/verification"] = same("/chains/2027-01-04/verification")
    return Service("audit", app, asks).behind(clock)
