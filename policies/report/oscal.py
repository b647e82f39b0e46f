"""The report as OSCAL assessment results, which auditors' tools read.

Only what was assessed becomes a finding: what AWS answers for, what people must do and what nothing covers are named as
excluded, with the reason. Ids are made from what they are about, so that the same evidence gives the same document.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

OSCAL_VERSION = "1.2.1"
SPACE = uuid.UUID("6f9f2a57-2f3d-5a43-9d0b-1c64f2a9c0de")
ODD = re.compile(r"[^A-Za-z0-9_.-]+")
NOT_ASSESSED = ("inherited", "organisational", "not-covered", "not-run", "not-applicable")


def oscal(content: Mapping[str, Any], header: Mapping[str, str]) -> dict[str, Any]:
    """Return the document; ``header`` gives the day it was made, the commit and when that was made, and the hash."""
    assessed = [one for one in content["requirements"] if one["status"] not in NOT_ASSESSED]
    rest = [one for one in content["requirements"] if one["status"] in NOT_ASSESSED]
    controls = {control["id"]: control for control in content["controls"]}
    named = sorted({control for one in assessed for control in one["controls"]})
    selection: dict[str, Any] = {"include-controls": [{"control-id": token(one)} for one in assessed]}
    if rest:
        selection["exclude-controls"] = [{"control-id": token(one)} for one in rest]
        selection["remarks"] = "; ".join(f"{token(one)}: {one['status']}" for one in rest)
    result = {
        "uuid": _id(header["sha256"], "result"),
        "title": f"Careslot at {header['commit'][:12]}",
        "description": "Rules over the recorded estate, Checkov's second opinion, and named tests.",
        "start": header["committed"],
        "props": [{"name": "evidence-sha256", "value": header["sha256"]}],
        "reviewed-controls": {"control-selections": [selection]},
        "observations": [_observation(controls[control], header) for control in named],
        "findings": [_finding(one, header) for one in assessed],
    }
    return {
        "assessment-results": {
            "uuid": _id(header["sha256"], "document"),
            "metadata": {
                "title": "Careslot: HIPAA Security Rule and HITRUST CSF, what infrastructure and tests show",
                "last-modified": f"{header['made']}T00:00:00Z",
                "version": header["commit"],
                "oscal-version": OSCAL_VERSION,
            },
            "import-ap": {"href": "#assessment-plan", "remarks": "The plan is policies/controls in the repository."},
            "results": [result],
        }
    }


def token(requirement: Mapping[str, Any]) -> str:
    """Return a requirement's id as OSCAL allows ids: ``hipaa-164.312_a_1``."""
    return f"{requirement['framework']}-{ODD.sub('_', requirement['id']).strip('_')}"


def _observation(control: Mapping[str, Any], header: Mapping[str, str]) -> dict[str, Any]:
    said = "; ".join(f"{one['kind']} {one['reference']}: {one['status']}" for one in control["evidence"])
    return {
        "uuid": _id(header["sha256"], control["id"]),
        "title": control["title"],
        "description": said,
        "methods": ["TEST"],
        "collected": header["committed"],
        "props": [{"name": "status", "value": control["status"]}, {"name": "severity", "value": control["severity"]}],
    }


def _finding(requirement: Mapping[str, Any], header: Mapping[str, str]) -> dict[str, Any]:
    status = requirement["status"]
    state = {"state": "satisfied" if status == "pass" else "not-satisfied"}
    if status != "pass":
        state["reason"] = "fail" if status == "fail" else "other"
    return {
        "uuid": _id(header["sha256"], f"finding {token(requirement)}"),
        "title": f"{requirement['id']} {requirement['title']}",
        "description": f"{requirement['about']} Found: {status}.",
        "target": {"type": "objective-id", "target-id": token(requirement), "status": state},
        "related-observations": [
            {"observation-uuid": _id(header["sha256"], control)} for control in requirement["controls"]
        ],
    }


def _id(*parts: str) -> str:
    return str(uuid.uuid5(SPACE, " ".join(parts)))
