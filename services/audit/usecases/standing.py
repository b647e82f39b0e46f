"""How the chains of one day stand: how long each is, what is anchored, and whether all of it verifies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from services.audit.ports import ChainStanding, UnitOfWork
from services.audit.usecases.review import trail_resource
from services.audit.usecases.verify import Verdict, VerifyTrail
from services.kernel.access import Gate
from services.kernel.errors import Invalid

# What one request may compute anew, some seconds' work; more is for `careslot audit verify`.
MOST_VERIFIED = 100_000


@dataclass(frozen=True, slots=True)
class Standing:
    """Tells auditors how chains stand."""

    begin: UnitOfWork
    verification: VerifyTrail

    async def of_day(self, gate: Gate, day: date) -> Sequence[ChainStanding]:
        """Return the chains of ``day`` by service."""
        entry = gate.require(trail_resource("chains", None))
        async with self.begin() as trail:
            found = await trail.standing(day)
            await trail.audit([entry])
        return found

    async def verify(self, gate: Gate, day: date) -> Verdict:
        """Compute the chains of ``day`` anew; raise Invalid for a day with more entries than a request may read."""
        chains = await self.of_day(gate, day)
        if sum(chain.entries for chain in chains) > MOST_VERIFIED:
            raise Invalid("This day is too long to verify here; use the command `careslot audit verify`.")
        return await self.verification.run(day=day)
