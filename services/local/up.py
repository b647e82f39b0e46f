"""`careslot up`: start a platform, fill it the first time, say how to use it, and keep it until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.contracts.catalogue import catalogue
from services.local.child import CannotStart
from services.local.platform import Platform, Wanted
from services.local.progress import Progress
from services.local.seeding import Sizes, caught_up, seed
from services.local.state import PlatformState

FULL_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


async def keep_up(wanted: Wanted, sizes: Sizes, progress: Progress) -> None:
    """Run a platform until SIGINT, SIGTERM or SIGHUP; raise CannotStart when it cannot run. Nothing stays behind."""
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told_to_stop.set)
    platform = Platform(wanted, progress)
    starting = asyncio.create_task(_start(platform, sizes, progress))
    waiting = asyncio.create_task(told_to_stop.wait())
    try:
        with disk_faults(platform.layout.folder):
            await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                await waiting
    finally:
        starting.cancel()
        waiting.cancel()
        await asyncio.gather(starting, waiting, return_exceptions=True)
        with progress.step("stopping"):
            await platform.stop()


async def _start(platform: Platform, sizes: Sizes, progress: Progress) -> None:
    await platform.start_stores()
    await seed(platform, sizes, progress)
    await platform.start_services()
    with progress.step("events delivered to every projection") as told:
        await caught_up(platform.state.databases, platform.aws, told)
    platform.phase("ready")
    progress.ready(
        platform.state.model_dump(mode="json"), _last_words(platform.state, platform.layout.folder, progress)
    )


@contextmanager
def disk_faults(folder: Path) -> Iterator[None]:
    """Turn what a full or read-only disk raises into words."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL_DISK:
            raise CannotStart(f"the disk that holds {folder} is full: free some space and start again") from None
        if error.errno in READ_ONLY:
            raise CannotStart(f"{folder} cannot be written to: use another --folder") from None
        raise


def _last_words(state: PlatformState, folder: Path, progress: Progress) -> list[str]:
    with contextlib.suppress(ValueError):
        folder = folder.relative_to(Path.cwd())
    option = "" if str(folder) == ".careslot" else f" --folder {folder}"
    width = max(len(user.username) for user in state.users)
    return [
        "",
        f"ready after {progress.seconds:.0f} s",
        f"  gateway   {state.gateway}/",
        *(f"  service   {state.gateway}/{child.name}/" for child in state.children if child.name in catalogue()),
        f"  AWS API   {state.emulator}",
        f"  logs      {folder}/logs/",
        "",
        f"demo users, all with the password {state.users[0].password}",
        *(f"  {user.username:<{width}}  {user.role:<22} {user.note}" for user in state.users),
        "",
        "try",
        f"  careslot demo{option}",
        f'  curl -s -H "Authorization: Bearer $(careslot token patient{option})" \\',
        f"    '{state.gateway}/directory/visit-types'",
        "Ctrl-C stops everything.",
    ]
