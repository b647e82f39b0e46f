"""Brings one service's database up to date: what a cluster runs before new code comes (`gitops/charts/service`).

``python -m services.kernel.migrating booking`` reads CARESLOT_DATABASE_URL, as the service does, and exits 1 if the
database cannot be reached or a migration fails; what was applied stays applied, each in a transaction of its own.
"""

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from services.kernel.database import iam_password, migrate
from services.kernel.telemetry import configure_logging, logger

SERVICES = Path(__file__).resolve().parents[1]


def main(arguments: list[str]) -> int:
    """Migrate the database of the service named; return the exit code."""
    dsn = os.environ.get("CARESLOT_DATABASE_URL", "")
    if len(arguments) != 1 or not (SERVICES / arguments[0] / "migrations").is_dir() or not dsn:
        print(  # noqa: T201 - the command's own output
            "usage: CARESLOT_DATABASE_URL=postgresql://... python -m services.kernel.migrating SERVICE", file=sys.stderr
        )
        return 2
    (service,) = arguments
    configure_logging(service)
    try:
        applied = migrate(signed_in(dsn), *(SERVICES / name / "migrations" for name in ("kernel", service)))
    except Exception as fault:
        # Its words may hold values of the statement.
        logger().error("migrations failed", error_type=type(fault).__name__)
        return 1
    logger().info("migrated", count=applied)
    return 0


def signed_in(dsn: str) -> str:
    """Return the address with IAM's token as its password, where it is Aurora's and has none."""
    ask = iam_password(dsn)
    if ask is None:
        return dsn
    address = urlsplit(dsn)

    async def answered() -> str:
        return await ask()

    token = quote(asyncio.run(answered()), safe="")
    user, _, host = address.netloc.rpartition("@")
    return urlunsplit(address._replace(netloc=f"{user}:{token}@{host}"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
