"""The mail that tells the privacy officer of an emergency access. It names neither patient nor account: both are read,
after signing in, in the audit trail's review of emergency accesses."""

from services.contracts.events.directory import BreakGlassRecorded
from services.notifications.domain.messages import Composed


def alert_mail(opened: BreakGlassRecorded, organization: str) -> Composed:
    """Return the mail about an emergency access that was opened; instants in UTC."""
    lines = (
        "A patient's record was opened in an emergency.",
        "",
        f"Access: {opened.grant_id}",
        f"Role: {opened.role}",
        f"Reason: {opened.reason}",
        f"Opened: {opened.opened_at:%Y-%m-%d %H:%M} UTC",
        f"Ends: {opened.expires_at:%Y-%m-%d %H:%M} UTC at the latest",
        "",
        "Who opened whose record, and what was read, is in the audit trail: sign in and review emergency accesses.",
    )
    return Composed(f"{organization}: emergency access opened", "\n".join(lines) + "\n")
