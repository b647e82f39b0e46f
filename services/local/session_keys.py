"""The key that the portal's cookies are sealed with: made once a folder, so that a restart signs nobody out."""

from __future__ import annotations

from pathlib import Path

from cryptography.fernet import Fernet

from services.local.state import write_private


def ensure_session_key(folder: Path) -> str:
    """Return the Fernet key in ``folder``, made when there is none; its file is 0600."""
    file = folder / "portal-session.key"
    if not file.exists():
        write_private(file, Fernet.generate_key().decode())
    return file.read_text("utf-8").strip()
