"""What patients say about being reached, and what they were told: read and changed by those who may, and audited."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from services.contracts.security_labels import SecurityLabel
from services.kernel.access import AttributeValue, Gate, Resource
from services.kernel.clock import Clock
from services.kernel.errors import NotFound, StaleVersion
from services.notifications.domain.messages import MessageRecord
from services.notifications.domain.people import Preferences
from services.notifications.ports import Store, UnitOfWork
from services.notifications.usecases.telling import preferences_changed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told:
    """What a patient was told, the id to go on from (None at the end), and whether their mail comes back."""

    messages: Sequence[MessageRecord]
    following: UUID | None
    returned: bool


class PreferenceDesk:
    """Reads and changes preferences and reads the ledger, for one caller's gate at a time."""

    def __init__(self, work: UnitOfWork, clock: Clock) -> None:
        self._work = work
        self._clock = clock

    async def read(self, gate: Gate, patient_id: str) -> Preferences:
        """Return the patient's preferences; raise NotFound for a patient the directory has not told of."""
        async with self._work() as store:
            patient_id = await store.current_id(patient_id)
            known = await self._enter(store, gate, patient_id)
            found = await store.preferences(patient_id)
        return _if_known(known, found)

    async def change(self, gate: Gate, wanted: Preferences, expected: Sequence[int] | None) -> Preferences:
        """Keep ``wanted`` (whose version is ignored) and return it as kept.

        ``expected`` are the versions the caller may have seen, None if any will do; raise StaleVersion otherwise.
        """
        async with self._work() as store:
            wanted = replace(wanted, patient_id=await store.current_id(wanted.patient_id))
            known = await self._enter(store, gate, wanted.patient_id)
            current = await store.preferences(wanted.patient_id)
            kept = replace(wanted, version=current.version + 1)
            fresh = expected is None or current.version in expected
            if known and fresh:
                now = self._clock.now()
                fresh = await store.keep_preferences(kept, now)
                if fresh:
                    await store.publish([preferences_changed(kept)], now)
        kept = _if_known(known, kept)
        if not fresh:
            raise StaleVersion("Read the preferences again and repeat the change with their ETag.")
        return kept

    async def messages(self, gate: Gate, patient_id: str, before: UUID | None, limit: int) -> Told:
        """Return the patient's messages, newest first. Those about labelled visits are the patient's alone to see."""
        async with self._work() as store:
            patient_id = await store.current_id(patient_id)
            known = await self._enter(store, gate, patient_id)
            recipient = await store.recipient(patient_id)
            found = await store.messages_of(patient_id, before, limit + 1)
        page = _if_known(known, found)[:limit]
        # Left out, not refused: that there is something to hide would tell as much.
        shown = [one for one in page if not one.message.discreet or gate.allows(_labelled(patient_id))]
        following = page[-1].message.message_id if len(found) > limit else None
        return Told(shown, following, returned=recipient is not None and recipient.returned)

    async def _enter(self, store: Store, gate: Gate, patient_id: str) -> bool:
        """Ask the gate and write the audit entry; return whether the patient is known."""
        # The audit entry commits also when the patient turns out to be unknown: asking was a touch.
        proxies = await store.proxies_of(patient_id, self._clock.now())
        await store.audit(gate.require(_resource(patient_id, proxies, SecurityLabel.NORMAL)))
        return await store.recipient(patient_id) is not None


def _resource(patient_id: str, proxies: frozenset[str], label: SecurityLabel) -> Resource:
    attributes: dict[str, AttributeValue] = {"patient": patient_id, "proxies": proxies, "label": str(label)}
    return Resource("Preferences", patient_id, attributes, about=patient_id)


def _labelled(patient_id: str) -> Resource:
    return _resource(patient_id, frozenset(), SecurityLabel.RESTRICTED)


def _if_known(known: bool, found: T) -> T:
    if not known:
        raise NotFound("No such patient is known here.")
    return found
