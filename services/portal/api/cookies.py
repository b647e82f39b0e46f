"""What a browser keeps for us: encrypted and authenticated (Fernet: AES-128-CBC, HMAC-SHA256), nothing stored here.

See docs/decisions/0050-portal-session.md for why the session is on the user's side.
"""

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from services.portal.domain.session import Session
from services.portal.domain.wish import Wish

# RFC 6265 section 6.1: browsers keep at least 4096 bytes a cookie, name and attributes included.
LARGEST = 4000


class Sealer:
    """Seals and opens small values. A value that was tampered with, or sealed with a dropped key, is None."""

    def __init__(self, keys: str) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys.split()])

    def seal(self, kind: str, value: Any) -> str:
        """Return ``value`` (JSON) sealed for one purpose: a sealed wish is no session."""
        return self._fernet.encrypt(json.dumps([kind, value], separators=(",", ":")).encode()).decode()

    def open(self, kind: str, sealed: str) -> Any:
        """Return what was sealed for ``kind``, or None."""
        try:
            found, value = json.loads(self._fernet.decrypt(sealed.encode("ascii", "replace")))
        except (InvalidToken, ValueError):
            return None
        return value if found == kind else None

    def seal_session(self, session: Session) -> str:
        """Return a session as a cookie's value."""
        plain = asdict(session) | {"roles": sorted(session.roles)}
        return self.seal("session", {k: v.isoformat() if isinstance(v, datetime) else v for k, v in plain.items()})

    def open_session(self, sealed: str) -> Session | None:
        """Return the session in a cookie, or None."""
        plain = self.open("session", sealed)
        if plain is None:
            return None
        instants = {name: datetime.fromisoformat(plain[name]) for name in ("started_at", "seen_at", "token_ends_at")}
        collections = {"roles": frozenset(plain["roles"]), "facilities": tuple(plain["facilities"])}
        return Session(**(plain | instants | collections))

    def seal_wish(self, wish: Wish) -> str:
        """Return a wish as a cookie's value."""
        plain = asdict(wish)
        days = {k: plain[k].isoformat() if plain[k] else None for k in ("first_day", "last_day")}
        return self.seal("wish", plain | days)

    def open_wish(self, sealed: str) -> Wish:
        """Return the wish in a cookie; an empty one when there is none."""
        plain = self.open("wish", sealed)
        if plain is None:
            return Wish()
        days = {k: date.fromisoformat(plain[k]) if plain[k] else None for k in ("first_day", "last_day")}
        return Wish(**(plain | days))
