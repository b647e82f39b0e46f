"""What patients were sent, as the emulated SES kept it."""

from __future__ import annotations

from typing import Any

import httpx


class Mailbox:
    """The e-mails to one address; those that were there before this was made do not count."""

    def __init__(self, emulator: str, address: str) -> None:
        self._url = f"{emulator}/_ministack/ses/messages"
        self._address = address
        self._known = {mail["MessageId"] for mail in self._all()}

    def new(self) -> list[dict[str, Any]]:
        """Return the mails that came since the last time, oldest first; each is returned once."""
        fresh = [mail for mail in self._all() if mail["MessageId"] not in self._known]
        self._known |= {mail["MessageId"] for mail in fresh}
        return fresh

    def _all(self) -> list[dict[str, Any]]:
        sent = httpx.get(self._url, timeout=10.0).raise_for_status().json()["messages"]
        return [mail for account in sent.values() for mail in account if self._address in mail["To"]]
