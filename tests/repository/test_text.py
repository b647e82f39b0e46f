"""Nothing in the repository may know one machine, one registry or one secret: it is cloned by strangers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.repository.tree import ROOT, files, told

# Written in pieces, so that this file does not find itself.
FORBIDDEN = {
    "a path of one machine": re.compile(
        r"(?<![\w./~$}-])/(?:"
        + "|".join(("work/(?:main|shared)", "root/", "Us" + "ers/", "ho" + r"me/(?!runner\b)\w", "opt/(?:wheels|pypi)"))
        + ")"
    ),
    "a package registry's host": re.compile(
        "pypi[.]org|python" + "hosted[.]org|npmjs[.](?:org|com)|deb[.]debian[.]org"
    ),
    "an index or find-links line": re.compile("^-" + "-(?:extra-)?(?:index-url|find-links|trusted-host)", re.MULTILINE),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile("-----BEGIN (?:[A-Z]+ )*PRIVATE " + "KEY-----"),
    "a token": re.compile(
        r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+|\bgh[pousr]_\w{30,}|\bxox[abprs]-\w{10,}|\bglpat-\w{20}"
    ),
}
BINARY = {".gz", ".ico", ".jpg", ".pdf", ".png", ".svgz", ".woff2", ".zip"}


def faults(text: str) -> list[str]:
    """Return what of the forbidden a text holds, each with its line."""
    return [
        f"line {text.count(chr(10), 0, match.start()) + 1}: {kind}: {match.group()[:40]!r}"
        for kind, pattern in FORBIDDEN.items()
        for match in pattern.finditer(text)
    ]


def test_no_file_knows_a_machine_a_registry_or_a_secret() -> None:
    found = [
        f"{file}: {fault}"
        for file in files()
        if file.suffix not in BINARY
        for fault in faults((ROOT / file).read_text("utf-8"))
    ]
    assert not found, told(found)


@pytest.mark.parametrize(
    "planted",
    [
        "see /wo" + "rk/main/x",
        "in /ro" + "ot/.aws",
        "cd /ho" + "me/jane",
        "from https://files.python" + "hosted.org/x",
        "-" + "-extra-index-url file:///x",
        "AK" + "IAIOSFODNN7EXAMPLE",
        "-----BEGIN EC PRIVATE " + "KEY-----",
        "eyJhbGciOiJub25lIn0" + ".eyJzdWIiOiIxMjM0In0.x",
    ],
)
def test_a_planted_fault_is_found(planted: str) -> None:
    assert faults(f"first line\n{planted}\n")[0].startswith("line 2: ")


def test_harmless_text_passes() -> None:
    assert not faults("GET /fhir/Appointment, ../shared/data, services/notifications/wo" + "rk/x, $HOME/x, /var/task\n")


def test_pins_are_hashed() -> None:
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        pins = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", file.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        unhashed = [pin.split()[0] for pin in pins if "==" not in pin.split()[0] or "--hash=sha256:" not in pin]
        assert pins, f"{file.name} pins nothing"
        assert not unhashed, f"{file.name}: not pinned by hash:{told(unhashed)}"


def test_every_wish_is_pinned() -> None:
    wishes = {file.stem for file in Path(ROOT / "requirements").glob("*.in")}
    assert wishes == {file.stem for file in Path(ROOT / "requirements").glob("*.txt")}
