"""What notifications tells others. Apart from the desks behind a gate: functions tell too, and have no policies."""

from services.contracts.events.notifications import PreferencesChanged
from services.notifications.domain.people import Preferences


def preferences_changed(kept: Preferences) -> PreferencesChanged:
    """Return the event that tells how preferences now stand."""
    return PreferencesChanged(patient_id=kept.patient_id, version=kept.version, offers=kept.takes_offers)
