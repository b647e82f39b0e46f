"""Migrations form one line a folder: two heads would be applied in whatever order a file system lists them."""

from __future__ import annotations

import re
from itertools import groupby, pairwise

from tests.repository.tree import files, read, told

DEPENDS = re.compile(r"^--\s*depends:(.*)$", re.MULTILINE)
NAME = re.compile(r"(?P<owner>[a-z]+)-(?P<number>\d{4})\.[a-z0-9-]+")


def faults(names: list[str], depends: dict[str, list[str]]) -> list[str]:
    """Return what keeps one folder's migrations from being a line; `depends` holds each one's named predecessors."""
    found = [f"{name}: call it OWNER-0001.what-it-does.sql" for name in names if not NAME.fullmatch(name)]
    if names and depends[names[0]]:
        found.append(f"{names[0]}: is the first, so it depends on nothing")
    for before, name in pairwise(names):
        if depends[name] != [before]:
            found.append(f"{name}: must depend on {before} alone, says {' '.join(depends[name]) or 'nothing'}")
    numbers = [match["number"] for name in names if (match := NAME.fullmatch(name))]
    if numbers != [f"{n:04}" for n in range(1, len(numbers) + 1)]:
        found.append(f"{names[0]} and following: the numbers are {', '.join(numbers)}, not 0001, 0002, ...")
    return found


def test_migrations_form_one_line() -> None:
    found = []
    migrations = [file for file in files() if file.suffix == ".sql" and file.parent.name == "migrations"]
    for folder, group in groupby(migrations, key=lambda file: file.parent):
        line = list(group)
        depends = {}
        for file in line:
            said = DEPENDS.findall(read(file))
            if len(said) != 1:
                found.append(f"{file}: needs exactly one line '-- depends: ...'")
            depends[file.stem] = " ".join(said).split()
        found += [f"{folder}: {fault}" for fault in faults([file.stem for file in line], depends)]
        owners = {match["owner"] for file in line if (match := NAME.fullmatch(file.stem))}
        if owners != {folder.parent.name}:
            found.append(f"{folder}: is of {folder.parent.name}, its files say {', '.join(sorted(owners))}")
    assert migrations
    assert not found, told(found)


def test_migrations_are_where_a_service_keeps_them() -> None:
    strays = [str(file) for file in files() if file.suffix == ".sql" and not file.match("services/*/migrations/*.sql")]
    assert not strays, f"SQL files outside a service's migrations:{told(strays)}"


def test_planted_faults_are_found() -> None:
    first, second, third = "booking-0001.claims", "booking-0002.history", "booking-0003.more"
    assert not faults([first, second, third], {first: [], second: [first], third: [second]})
    assert faults([first, second, third], {first: [], second: [first], third: [first]})
    assert faults([first, second], {first: [], second: []})
    assert faults([first, third], {first: [], third: [first]})
    assert faults([first], {first: ["elsewhere"]})
    assert faults(["1-claims"], {"1-claims": []})
