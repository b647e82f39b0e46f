"""What failed as SARIF 2.1.0, which code hosts show beside the line: our rules and Checkov, a run each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from policies.controls.model import Catalogue
from policies.rules.every import RULES

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"low": "note", "medium": "warning", "high": "error", "critical": "error"}


def sarif(content: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """Return the log: waived failures and explained remarks are there, suppressed, with the reason."""
    runs = [_ours(content, catalogue)]
    if content["summary"]["checkov"]["asked"]:
        runs.append(_checkov(content))
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": runs}


def _ours(content: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    rules = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.title},
            "help": {"text": rule.remedy},
            "defaultConfiguration": {"level": LEVELS[catalogue.severity_of(rule.id)]},
            "properties": {"tags": [f"{framework} {one}" for framework, one in catalogue.citations_of(rule.id)]},
        }
        for rule in RULES.values()
    ]
    results = [
        _result(
            one["rule"], LEVELS[one["severity"]], f"{one['name']} in {one['stack']}: {one['message']}", one,
            _waived(one),
        )
        for one in [*content["failures"], *content["waived"]]
    ]  # fmt: skip
    return _run("careslot policy", rules, results)


def _checkov(content: Mapping[str, Any]) -> dict[str, Any]:
    given = content["disagreements"]
    results = [
        _result(one["check"], "error", f"{one['name']} in {one['stack']}: {one['title']}", one, "")
        for one in given["unexplained"]
    ]
    titles = {one["check"]: one["title"] for one in [*given["unexplained"], *given["explained"]]}
    rules = [{"id": check, "shortDescription": {"text": title}} for check, title in sorted(titles.items())]
    return _run("checkov", rules, results, content["summary"]["checkov"]["version"])


def _waived(one: Mapping[str, Any]) -> str:
    waiver = one.get("waiver")
    return f"{waiver['reason']} Until {waiver['expires']}, approved by {waiver['approver']}." if waiver else ""


def _run(
    name: str, rules: list[dict[str, Any]], results: Iterable[dict[str, Any]], version: str = ""
) -> dict[str, Any]:
    index = {rule["id"]: position for position, rule in enumerate(rules)}
    return {
        "tool": {"driver": {"name": name, **({"version": version} if version else {}), "rules": rules}},
        "originalUriBaseIds": {"ROOT": {"description": {"text": "The repository's root."}}},
        "columnKind": "unicodeCodePoints",
        "results": [{**result, "ruleIndex": index[result["ruleId"]]} for result in results],
    }


def _result(rule: str, level: str, text: str, one: Mapping[str, Any], suppressed: str) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": one["file"], "uriBaseId": "ROOT"},
        "region": {"startLine": max(one["line"], 1)},
    }
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": place,
                "logicalLocations": [{"fullyQualifiedName": one["urn"], "kind": "resource"}],
            }
        ],
        "partialFingerprints": {
            "ruleAndResource/v1": hashlib.sha256(f"{rule} {one['stack']} {one['urn']}".encode()).hexdigest()
        },
        **({"suppressions": [{"kind": "external", "justification": suppressed}]} if suppressed else {}),
    }
