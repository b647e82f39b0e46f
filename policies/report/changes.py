"""What changed from one report's content to another's: what got worse, what better, what is merely different."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# From what a reviewer likes least to what they like best.
RANK = (
    "fail", "not-covered", "cannot-tell", "not-run", "waived", "partly", "not-applicable", "organisational",
    "inherited", "pass",
)  # fmt: skip


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return sentences by ``worse``, ``better`` and ``other``."""
    found: dict[str, list[str]] = {"worse": [], "better": [], "other": []}
    old = {(one["framework"], one["id"]): one["status"] for one in before["requirements"]}
    new = {(one["framework"], one["id"]): one["status"] for one in after["requirements"]}
    for key in sorted(old.keys() | new.keys()):
        was, is_ = old.get(key, "not there"), new.get(key, "not there")
        if was != is_:
            found[_direction(was, is_)].append(f"{key[0]} {key[1]}: {was}, now {is_}")
    _sets(found, _failures(before), _failures(after), "fails", "worse", "better")
    _sets(found, _waived(before), _waived(after), "is waived", "other", "other")
    _sets(found, _unexplained(before), _unexplained(after), "is not explained", "worse", "better")
    _sets(found, set(before["faults"]), set(after["faults"]), "is a fault", "worse", "better")
    return found


def _direction(was: str, is_: str) -> str:
    if was not in RANK or is_ not in RANK:
        return "other"
    return "better" if RANK.index(is_) > RANK.index(was) else "worse"


def _sets(found: dict[str, list[str]], old: set[str], new: set[str], how: str, added: str, removed: str) -> None:
    found[added] += [f"{one}: {how} now" for one in sorted(new - old)]
    found[removed] += [f"{one}: {how} no more" for one in sorted(old - new)]


def _failures(content: Mapping[str, Any]) -> set[str]:
    return {f"{one['stack']} {one['name']} [{one['rule']}]" for one in content["failures"]}


def _waived(content: Mapping[str, Any]) -> set[str]:
    return {f"{one['stack']} {one['name']} [{one['rule']}]" for one in content["waived"]}


def _unexplained(content: Mapping[str, Any]) -> set[str]:
    return {f"{one['stack']} {one['name']} [{one['check']}]" for one in content["disagreements"]["unexplained"]}
