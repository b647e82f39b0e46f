"""Two records of one person: from now on one set of wishes holds, and it is the stricter one.

Messages and their ledger keep the id they were sent under; whoever asks for the survivor's sees both.
"""

from dataclasses import replace

from services.contracts.events.directory import PatientMerged
from services.notifications.domain.people import Preferences, Topic
from services.notifications.ports import Store
from services.notifications.usecases.telling import preferences_changed


async def take_merge(event: PatientMerged, store: Store) -> None:
    """Keep the merge, and let the survivor want what both records allowed."""
    replaced = await store.preferences(event.replaced_id)
    survivor = await store.preferences(event.survivor_id)
    await store.keep_merge(event.replaced_id, event.survivor_id, event.version)
    united = stricter(survivor, replaced)
    if united != survivor:
        kept = replace(united, version=survivor.version + 1)
        await store.keep_preferences(kept, event.merged_at)
        await store.publish([preferences_changed(kept)], event.merged_at)


def stricter(survivor: Preferences, replaced: Preferences) -> Preferences:
    """Return what the survivor wants when both statements hold: consent given twice, an opt-out said once.

    Who never said anything has no say; channels, language and zone are the survivor's where it ever spoke.
    """
    if not replaced.version:
        return survivor
    if not survivor.version:
        return replace(replaced, patient_id=survivor.patient_id, version=survivor.version)
    return replace(
        survivor,
        language=survivor.language or replaced.language,
        timezone=survivor.timezone or replaced.timezone,
        consent={topic: survivor.consent[topic] and replaced.consent[topic] for topic in Topic},
        opted_out=survivor.opted_out or replaced.opted_out,
    )
