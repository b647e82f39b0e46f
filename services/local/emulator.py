"""Emulated AWS (ministack) as one child process whose state, temporary files and log stay inside one folder.

What was found out about ministack 1.5, and what is done about it here:

- Without the package `cryptography` in its environment it still issues tokens, with random bytes for a
  signature and a made-up key in the JWKS. With it, it opens an MQTT broker on every interface (port 8883):
  IOT_MTLS_ENABLED=0 keeps that shut, BIND_HOST keeps the rest on loopback.
- Function workers inherit its whole environment: it gets a bare one, so that a handler sees what its function
  was given and nothing of ours (PYTHONPATH, proxies, real AWS credentials).
- State is in memory and saved on a clean stop only (PERSIST_STATE). Kept over a restart are the queues with
  their messages (an event that reached its queue is not lost by Ctrl-C) and Cognito (pool id and keys stay,
  so tokens and configured services stay valid). What the topology declares (buses, rules, functions,
  schedules) is dropped and declared anew, so that nothing removed from the code lives on in a file. A killed
  emulator loses what came in since it was started; after that everything must be declared again.
- At its usual log level it writes down every mail's recipient and subject and every text message with its
  number: PHI in a log. It is told to log warnings only; what functions print is found in CloudWatch Logs, as
  in AWS.
- Queues are stored under their URL, host and port included: started on another port it would keep the old
  queues and never look into them. The port is therefore part of the state folder's name: another port begins
  empty.
- Workers unpack their zip into the temporary folder and leave it there when killed: it is emptied at the
  start.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

from services.local.child import CannotStart, Child
from services.local.holding import LOOPBACK, FolderLock, require_free_port

ACCOUNT = "000000000000"  # unsigned Cognito calls land in this account whatever the others use
REGION = "us-east-1"
DECLARED_ANEW = ("cloudwatch_logs", "eventbridge", "iam", "lambda", "lambda_durable", "scheduler")
PYTHON_VARIABLE = "CARESLOT_EMULATOR_PYTHON"


class Emulator:
    """One ministack on one loopback port.

    `folder` holds its state, temporary files and log; `python` is the interpreter of the environment it is
    installed in, which is also the one that runs the functions. `remember=False` (tests) starts empty and
    saves nothing.
    """

    def __init__(self, folder: Path, *, port: int, python: Path | None = None, remember: bool = True) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.python = python or emulator_python()
        self.log = self.folder / "emulator.log"
        self._remember = remember
        self._lock = FolderLock(self.folder)
        self._child: Child | None = None

    @property
    def endpoint_url(self) -> str:
        """Where every AWS API is found."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self, timeout: float = 30.0) -> None:
        """Start it and wait until it answers; raise CannotStart with what to do about it."""
        if self.poll() is not None:
            self.stop()  # what is left of one that died
        self._lock.take()
        try:
            require_free_port(self.port, "the AWS emulator", "choose another one for it")
            self._tidy()
            self._child = Child(
                "the AWS emulator",
                [self.python, "-m", "ministack"],
                log=self.log,
                env=self._environment(),
                cwd=self.folder,
                grace=15.0,  # it writes its queues down
            )
            self._child.start()
            self._await(timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it, letting it save its state; safe to call again."""
        if self._child is not None:
            self._child.stop()
            self._child = None
        self._lock.release()

    def poll(self) -> int | None:
        """Return None while it runs, else the exit code; 0 before the first start."""
        return 0 if self._child is None else self._child.poll()

    @property
    def pid(self) -> int | None:
        """Its process id while started."""
        return None if self._child is None else self._child.pid

    def fault(self) -> str:
        """Say in words why it ended, from what it wrote to its log."""
        if self._child is None:
            return ""
        last = "\n  ".join(self._child.output().strip().splitlines()[-5:]) or "it said nothing (killed?)"
        return f"the AWS emulator cannot run; the end of {self.log}:\n  {last}"

    def _tidy(self) -> None:
        state, temporary = self._state_folder(), self.folder / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        if not self._remember:
            shutil.rmtree(state, ignore_errors=True)
        state.mkdir(parents=True, exist_ok=True)
        state.chmod(0o700)  # signing keys and demo passwords
        for name in DECLARED_ANEW:
            (state / f"{name}.json").unlink(missing_ok=True)
        shutil.rmtree(state / "lambda-blobs", ignore_errors=True)

    def _state_folder(self) -> Path:
        return self.folder / f"state-{self.port}"

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.folder / "tmp"),
            "STATE_DIR": str(self._state_folder()),
            "S3_DATA_DIR": str(self._state_folder() / "s3"),
            "PERSIST_STATE": "1" if self._remember else "0",
            "S3_PERSIST": "1" if self._remember else "0",
            "BIND_HOST": LOOPBACK,
            "MINISTACK_HOST": LOOPBACK,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "DOCKER_HOST": "unix:///nonexistent",  # it would look for containers of its own to remove
            "PYTHONUNBUFFERED": "1",
        }

    def _await(self, timeout: float) -> None:
        assert self._child is not None
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._child.poll() is not None:
                if "No module named" in self._child.output():
                    raise CannotStart(f"{self.python} has no ministack: run `make install`")
                raise CannotStart(self.fault())
            if time.monotonic() > deadline:
                raise CannotStart(f"the AWS emulator does not answer after {timeout:.0f} seconds: see {self.log}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/_ministack/health", timeout=2) as answer:
                return "services" in json.load(answer)
        except (urllib.error.URLError, OSError, ValueError):
            return False


def emulator_python() -> Path:
    """Find the emulator's interpreter: CARESLOT_EMULATOR_PYTHON, else `.venv-emulator` of this repository."""
    if given := os.environ.get(PYTHON_VARIABLE):
        path = Path(given)
    else:
        path = Path(__file__).resolve().parents[2] / ".venv-emulator" / "bin" / "python"
    if not path.exists():
        raise CannotStart(f"there is no {path}, which runs the AWS emulator: run `make install`")
    return path
