"""Entries in: each to the chain of its service and of the day it arrives, whenever it was written."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from services.audit.domain.chain import Arrival, ChainKey, day_of, extend
from services.audit.ports import Chains
from services.kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class TakeEntries:
    """Adds entries to their chains in one transaction."""

    chains: Chains
    clock: Clock

    async def take(self, arrivals: Sequence[Arrival]) -> None:
        """Add ``arrivals``, which are new; raise Unavailable when today's chain is closed, ValueError for no JSON."""
        now = self.clock.now()

        def service(arrival: Arrival) -> str:
            return arrival.entry.service

        # In one order everywhere: two transactions with the same chains wait for each other and never deadlock.
        for name, group in groupby(sorted(arrivals, key=service), key=service):
            key = ChainKey(name, day_of(now))
            head = await self.chains.lock(key)
            await self.chains.append(key, extend(head, list(group), now))
