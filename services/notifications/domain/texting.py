"""The limits of the healthcare exemption for texts: 47 CFR 64.1200(a)(9)(iv).

(B) the sender's name and contact, (D) at most 160 characters, (E) one message a day and three a week, (F) how to opt
out, in each message. A day is the recipient's; a week is any seven of them in a row, which keeps the rule however a
week is counted.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.notifications.domain.quiet_hours import morning, next_allowed

TEXTS_A_DAY = 1
TEXTS_A_WEEK = 3
WEEK_DAYS = 7


def next_text_at(earlier: Collection[datetime], now: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant from ``now`` on at which another text may be sent, given when ``earlier`` ones were."""
    days = [at.astimezone(zone).date() for at in earlier]
    candidate = next_allowed(now, zone)
    while True:
        today = candidate.astimezone(zone).date()
        same_day = sum(day == today for day in days)
        week = sum(today - timedelta(days=WEEK_DAYS) < day <= today for day in days)
        if same_day < TEXTS_A_DAY and week < TEXTS_A_WEEK:
            return candidate
        candidate = morning(candidate, zone, days=1)
