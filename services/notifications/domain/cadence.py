"""When to remind: 7, 3 and 1 days before the visit (Steiner 2018: 3 days + 1 day miss least), outside quiet hours."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.notifications.domain.messages import Kind
from services.notifications.domain.quiet_hours import due_outside

CADENCE: tuple[tuple[Kind, int], ...] = ((Kind.REMINDER_7D, 7), (Kind.REMINDER_3D, 3), (Kind.REMINDER_1D, 1))


def reminders(
    starts_at: datetime, visit_zone: ZoneInfo, recipient_zone: ZoneInfo, now: datetime
) -> tuple[tuple[Kind, datetime], ...]:
    """Return the reminders still to come and when each is due (UTC).

    A day before is the same time on the visit's clocks, whether or not they change in between. A reminder whose time
    has passed by ``now`` is not made: the message that is sent now says the same.
    """
    local = starts_at.astimezone(visit_zone)
    planned: list[tuple[Kind, datetime]] = []
    for kind, days in CADENCE:
        nominal = (local - timedelta(days=days)).astimezone(UTC)
        due = due_outside(nominal, recipient_zone, starts_at)
        if nominal > now and due is not None:
            planned.append((kind, due))
    return tuple(planned)
