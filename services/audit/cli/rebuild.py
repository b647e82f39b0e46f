"""What `careslot rebuild audit` makes anew: which patient stands for which. Chains are nobody's projection."""

from services.audit.adapters.postgres import PostgresMerges
from services.audit.consumers import on_merge
from services.kernel.database import Connection
from services.kernel.outbox import Envelope
from services.kernel.rebuilding import Projection, Rebuild


async def _take(connection: Connection, envelope: Envelope) -> None:
    await on_merge(envelope, PostgresMerges(connection))


REBUILD = Rebuild("audit", (("directory", "patient-merge"),), (Projection("alias", ("id",)),), _take)
