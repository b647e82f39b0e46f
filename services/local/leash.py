"""A child process that cannot outlive the process that wanted it, whatever ends that one.

`atexit` and signal handlers do not run after SIGKILL, an out-of-memory kill or a closed terminal, and a
database or an emulator left behind keeps its port and its data folder. So the parent does not start the
program itself: it starts this file, which starts the program and reads from a pipe that only the parent
holds. When the parent is gone, the kernel closes the pipe, and the program is stopped the way it wants to be
stopped.

The leash runs in a session of its own: Ctrl-C in the terminal reaches the parent alone, which then stops
things in the right order (services before the database). Should the leash itself be killed, Linux sends the
program its stop signal (PR_SET_PDEATHSIG); this is safe here, where one thread does everything, and would not
be in the parent, where it fires as soon as the *thread* that started the child ends.

Run as a file with `python -I -S leash.py SPEC`, standard library only, so that it costs 20 ms and 10 MB.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import TypedDict

PR_SET_PDEATHSIG = 1
EXIT_CANNOT_EXECUTE = 127


class Spec(TypedDict):
    """What to run. `user` is a numeric id or None, `stop` a signal number, `grace` seconds until SIGKILL."""

    command: list[str]
    user: int | None
    group: int | None
    stop: int
    grace: float


def run(spec: Spec) -> int:
    """Run the command until it ends or the parent goes; return its exit code (128 + n after signal n)."""
    wake = _wakeup_pipe()

    def before_exec() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, spec["stop"])

    try:
        child = subprocess.Popen(
            spec["command"],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            user=spec["user"],
            group=spec["group"],
            extra_groups=None if spec["user"] is None else [],
            preexec_fn=before_exec,  # noqa: PLW1509 -- there is one thread here
        )
    except OSError as error:
        print(f"cannot run {spec['command'][0]}: {error.strerror}", file=sys.stderr)
        return EXIT_CANNOT_EXECUTE
    os.write(sys.stdout.fileno(), f"{child.pid}\n".encode())
    os.close(sys.stdout.fileno())
    code = _wait(child, wake, spec)
    return code if code >= 0 else 128 - code


def _wakeup_pipe() -> int:
    """Turn signals into bytes in a pipe, so that one `select` waits for everything."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return read


def _wait(child: "subprocess.Popen[bytes]", wake: int, spec: Spec) -> int:
    parent = sys.stdin.fileno()
    watched = [parent, wake]
    deadline: float | None = None
    while (code := child.poll()) is None:
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select(watched, [], [], patience)
        stop = False
        if wake in ready:
            stop = any(number != signal.SIGCHLD for number in os.read(wake, 4096))
        if parent in ready and not os.read(parent, 4096):
            watched.remove(parent)
            stop = True
        if stop and deadline is None:
            child.send_signal(spec["stop"])
            deadline = time.monotonic() + spec["grace"]
        if deadline is not None and time.monotonic() >= deadline:
            child.kill()
            return child.wait()
    return code


if __name__ == "__main__":
    sys.exit(run(json.loads(sys.argv[1])))
