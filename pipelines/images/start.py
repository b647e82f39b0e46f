"""What an image does: serve its service, migrate the service's database, or say whether it is alive.

Copied into the image as /app/start.py, where there is neither the command `careslot` nor `services.local`. Which
service it is, the image knows (CARESLOT_SERVICE).
"""

from __future__ import annotations

import asyncio
import os
import runpy
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

PATIENCE_SECONDS = 2.0
USAGE = "usage: start.py serve|migrate|healthy"


def main(words: list[str]) -> int:
    """Do one of the three; the exit code."""
    service = os.environ["CARESLOT_SERVICE"]
    if words == ["serve"]:
        runpy.run_module(f"services.{service}.main", run_name="__main__")
        return 0
    if words == ["migrate"]:
        return migrate(service)
    if words == ["healthy"]:
        return healthy()
    sys.stderr.write(f"{USAGE}\n")
    return 2


def migrate(service: str) -> int:
    """Bring the service's database up to date, as the role that owns it; a second run finds nothing to do."""
    import services
    from services.kernel.database import iam_password, migrate

    address = os.environ["CARESLOT_DATABASE_URL"]
    if ask := iam_password(address):

        async def token() -> str:
            return await ask()

        password = quote(asyncio.run(token()), safe="")
        address = address.replace("@", f":{password}@", 1)
    folders = [Path(services.__path__[0]) / name / "migrations" for name in ("kernel", service)]
    applied = migrate(address, *(folder for folder in folders if folder.is_dir()))
    sys.stdout.write(f"{service}: {applied} migrations applied\n")
    return 0


def healthy() -> int:
    """Ask the service here whether it is alive: for engines that know nothing of probes."""
    address = f"http://127.0.0.1:{os.environ['CARESLOT_PORT']}/livez"
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_SECONDS) as answer:
            return int(answer.status != 200)
    except (OSError, urllib.error.URLError) as fault:
        sys.stderr.write(f"{address}: {fault}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
