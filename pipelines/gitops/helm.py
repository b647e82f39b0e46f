"""Helm's own engine, which lives in an environment of its own (`.venv-helm`), in one process for many questions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from services.kernel.errors import Invalid, Unavailable

ENGINE = Path(__file__).with_name("engine.py")
PYTHON = ENGINE.parents[2] / ".venv-helm" / "bin" / "python"


class Helm:
    """The engine's process, started when entered and ended when left."""

    def __enter__(self) -> Self:
        if not PYTHON.is_file():
            raise Unavailable("Helm's engine is not installed: run `make install`")
        self._process = subprocess.Popen(
            [str(PYTHON), str(ENGINE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def ask(self, question: Mapping[str, Any]) -> Any:
        """Return what the engine made; raise Invalid with its words, Unavailable if it broke."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise Unavailable("Helm's engine has no pipes")
        try:
            stdin.write(f"{json.dumps(question)}\n")
            stdin.flush()
        except BrokenPipeError:
            raise Unavailable("Helm's engine ended: what it said is above") from None
        line = stdout.readline()
        if not line:
            raise Unavailable("Helm's engine ended: what it said is above")
        answer = json.loads(line)
        if "fault" in answer:
            where, what = answer["fault"]
            raise Invalid(f"{where}: {what}")
        return answer["made"]
