"""What the catalogue names and nobody has, and what is there and no control names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from policies.controls.model import Catalogue

ADMISSION = Path("policies", "admission")


def orphans(catalogue: Catalogue, rules: Iterable[str], root: Path) -> list[str]:
    """Return every loose end between controls and their evidence, as a sentence each; ``root`` is the repository's."""
    known = set(rules)
    named = catalogue.of_rule
    found = [f"rule {rule}: no control names it" for rule in sorted(known - named.keys())]
    found += [f"control {_ids(named[rule])}: there is no rule {rule}" for rule in sorted(named.keys() - known)]
    for kind in ("cedar", "test"):
        for node, controls in catalogue.of_evidence(kind).items():
            if not _is_there(root, node):
                found.append(f"control {_ids(controls)}: there is no test {node}")
    admission = set(_admission(root))
    given = catalogue.of_evidence("admission")
    found += [f"admission rule {rule}: no control names it" for rule in sorted(admission - given.keys())]
    found += [
        f"control {_ids(given[rule])}: there is no admission rule {rule}" for rule in sorted(given.keys() - admission)
    ]
    return found


def uncovered(catalogue: Catalogue) -> list[tuple[str, str]]:
    """Return (framework, requirement) of everything that no control cites."""
    return [(f.id, id_) for f in catalogue.frameworks for id_, kinds in catalogue.coverage(f).items() if not kinds]


def _ids(controls: Iterable[object]) -> str:
    return ", ".join(str(getattr(control, "id", control)) for control in controls)


def _is_there(root: Path, node: str) -> bool:
    file, _, name = node.partition("::")
    path = root / file
    if not path.is_file():
        return False
    return re.search(rf"^(async )?def {re.escape(name)}\(", path.read_text("utf-8"), re.MULTILINE) is not None


def _admission(root: Path) -> Iterator[str]:
    """Yield the names of the admission rules there are, a file each."""
    for file in (root / ADMISSION).glob("*.yaml"):
        yield file.stem
