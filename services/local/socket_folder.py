"""Where a Unix socket may live: paths of sockets are limited to about a hundred bytes (sun_path, unix(7))."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from services.local.child import CannotStart

SUN_PATH_BYTES = 103  # macOS: 104 with the final NUL; Linux: 108
SOCKET_NAME = ".s.PGSQL.5432"


def socket_folder(folder: Path) -> Path:
    """Return `folder` itself if a socket in it can have a name, else a folder in the temporary folder.

    The one outside is named after the whole path, so that two clones do not meet, and after the user.
    Raises CannotStart when even that one is too long.
    """
    if _fits(folder):
        return folder
    mark = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    outside = Path(tempfile.gettempdir()) / f"careslot-{os.geteuid()}-{mark}"
    if not _fits(outside):
        raise CannotStart(
            f"{folder} is too long for a Unix socket, and so is {outside}: use a shorter path, or set TMPDIR to one"
        )
    return outside


def _fits(folder: Path) -> bool:
    """Short enough, and without a comma, at which libpq cuts a host into several (libpq, section
    34.1.1.3).
    """
    return len(os.fsencode(folder / SOCKET_NAME)) <= SUN_PATH_BYTES and "," not in str(folder)
