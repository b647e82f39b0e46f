"""The horizon moves on every day: new days are made, past ones are dropped; running it again changes nothing."""

from datetime import timedelta

from services.availability.ports import UnitOfWork
from services.availability.usecases.materialise import Horizon, materialise

BATCH = 250
KEEP_PAST = timedelta(days=7)


class ExtendHorizon:
    """Keeps working time ready for the days ahead, a batch of clinicians a transaction."""

    def __init__(self, transaction: UnitOfWork, horizon: Horizon) -> None:
        self._transaction = transaction
        self._horizon = horizon

    async def run(self) -> int:
        """Make the missing days of every schedule and drop what is past; return how many schedules were extended."""
        extended = 0
        while done := await self._batch():
            extended += done
        async with self._transaction() as store:
            await store.purge(self._horizon.clock.now() - KEEP_PAST)
        return extended

    async def _batch(self) -> int:
        first, last = self._horizon.window()
        async with self._transaction() as store:
            behind = await store.clinicians_known_until_before(last, BATCH)
            if not behind:
                return 0
            clinician_ids = [clinician_id for clinician_id, _ in behind]
            await store.lock_schedules(clinician_ids)
            # Someone else may have been there first; making a day again gives the same day.
            since = min(known for _, known in behind) + timedelta(days=1)
            await materialise(store, clinician_ids, max(first, since), last, self._horizon)
            await store.set_known_until(clinician_ids, last)
            return len(clinician_ids)
