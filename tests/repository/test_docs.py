"""Documents name commands, files and tests; each of them must exist, or the reader loses trust in the rest."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.repository.test_commands import targets, verbs
from tests.repository.tree import ROOT, files, parse, read, told

FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")
PATH = re.compile(
    r"^(?:services|pipelines|policies|tests|docs|requirements|infra|gitops|environments|\.ci)/[\w./-]*"
    r"(?:\.py::[\w\[\]-]+)?$"
)


def documents() -> list[Path]:
    """Return the Markdown files."""
    return [file for file in files() if file.suffix == ".md"]


def snippets(text: str) -> list[str]:
    """Return what a document shows as code: lines of fenced blocks, and inline pieces."""
    blocks = FENCE.findall(text)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [*lines, *CODE.findall(FENCE.sub("", text))]


def faults(snippet: str, make_targets: set[str], command_options: dict[str, set[str]]) -> list[str]:
    """Return what a snippet names that does not exist; `command_options` holds each verb's options by its words."""
    found = []
    if asked := re.match(r"(?:[A-Z_]+=\S+ )*make((?: +[a-z-]+)*)(?: |$)", snippet):
        found += [f"make {target}" for target in asked[1].split() if target not in make_targets]
    if asked := re.match(r"(?:[A-Z_]+=\S+ )*(?:\S*/)?careslot +([a-z][^|>;&#]*)", snippet):
        words = asked[1].split()
        verb = max(
            (known for known in command_options if words[: len(known.split())] == known.split()), key=len, default=None
        )
        if verb is None:
            found.append(f"careslot {words[0]}")
        else:
            options = {word.partition("=")[0] for word in words if word.startswith("--")}
            found += [f"careslot {verb} {option}" for option in sorted(options - command_options[verb] - {"--help"})]
    return found


def missing(named: str) -> str | None:
    """Return what of a named path, or test in a path, does not exist."""
    path, _, test = named.partition("::")
    if not (ROOT / path).exists():
        return path
    if test:
        functions = {
            node.name
            for node in ast.walk(parse(Path(path)))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
        if test.partition("[")[0] not in functions:
            return named
    return None


def test_named_commands_exist() -> None:
    options = {
        words: {opt for p in command.params for opt in (*p.opts, *p.secondary_opts)}
        for words, command in verbs().items()
    }
    found = [
        f"{file}: {fault}"
        for file in documents()
        for snippet in snippets(read(file))
        for fault in faults(snippet, targets(), options)
    ]
    assert not found, f"documents name what does not exist:{told(found)}"


def test_named_files_and_tests_exist() -> None:
    found = [
        f"{file}: {gone}"
        for file in documents()
        for snippet in CODE.findall(FENCE.sub("", read(file)))
        if PATH.match(snippet) and (gone := missing(snippet))
    ]
    assert not found, f"documents name what does not exist:{told(found)}"


def test_links_lead_somewhere() -> None:
    found = [
        f"{file}: {target}"
        for file in documents()
        for target, _ in LINK.findall(FENCE.sub("", read(file)))
        if target and not (ROOT / file.parent / target).exists()
    ]
    assert not found, f"links that lead nowhere:{told(found)}"


def test_decisions_have_a_number_each() -> None:
    decisions = [file.name for file in files() if file.parent == Path("docs/decisions")]
    odd = [name for name in decisions if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name)]
    numbers = [name.partition("-")[0] for name in decisions]
    assert not odd, f"call it 0000-what-was-decided.md:{told(odd)}"
    assert len(set(numbers)) == len(numbers), f"two decisions share a number:{told(decisions)}"


def test_planted_faults_are_found() -> None:
    known = {"demo": {"--slow"}, "import": set[str](), "import facilities": {"--rejects"}}
    assert faults("make up tets", {"up", "test"}, known) == ["make tets"]
    assert faults("WORKERS=4 make test ARGS=x", {"test"}, known) == []
    assert faults("careslot dmeo", set(), known) == ["careslot dmeo"]
    assert faults(".venv/bin/careslot import facilities FILE --rejcts=x", set(), known) == [
        "careslot import facilities --rejcts"
    ]
    assert faults("careslot demo --slow | tee log", set(), known) == []
    assert missing("tests/repository/test_docs.py::test_nothing") == "tests/repository/test_docs.py::test_nothing"
    assert missing("tests/repository/test_gone.py") == "tests/repository/test_gone.py"
    assert missing("tests/repository/test_docs.py::test_planted_faults_are_found") is None
    assert snippets("x\n```sh\n$ make up\n```\nand `careslot demo`\n") == ["make up", "careslot demo"]
