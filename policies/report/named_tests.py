"""Whether a named test passed, from the file that pytest writes (`--junitxml`): what it does not tell was not run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as XML

from services.kernel.errors import Invalid

Outcome = Literal["pass", "fail", "skipped"]


def outcomes(file: Path) -> dict[str, Outcome]:
    """Return by node id (`tests/a/test_b.py::test_c`) how a test ended, the worst of its cases; raise Invalid."""
    try:
        cases = list(XML.parse(file).getroot().iter("testcase"))  # noqa: S314 - our own test runner's file
    except OSError as fault:
        raise Invalid(f"{file}: {fault.strerror}") from None
    except XML.ParseError as fault:
        raise Invalid(f"{file}: not a JUnit file: {fault}") from None
    found: dict[str, set[str]] = {}
    for case in cases:
        module, name = case.get("classname", ""), case.get("name", "").partition("[")[0]
        found.setdefault(f"{module.replace('.', '/')}.py::{name}", set()).add(_ended(case))
    return {node: _worst(ends) for node, ends in found.items()}


def _ended(case: XML.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "fail"
    return "skipped" if case.find("skipped") is not None else "pass"


def _worst(ends: set[str]) -> Outcome:
    if "fail" in ends:
        return "fail"
    return "pass" if "pass" in ends else "skipped"
