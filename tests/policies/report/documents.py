"""A small estate with one mistake in it, and what a report has to say of it."""

from __future__ import annotations

import dataclasses
from datetime import date
from functools import cache
from typing import Any

from infra.recording.graph import Graph, Place, Recording, Resource
from policies.assessment import assess
from policies.checkov.disagreements import Explanation, Settled, settle
from policies.checkov.opinion import Opinion, Remark
from policies.controls.model import load_catalogue
from policies.report.evidence import Admission, Sources, content, hashed

BUCKET = "aws:s3/bucket:Bucket"


def resource(type_: str, name: str, **inputs: Any) -> Resource:
    return Resource(
        urn=f"urn:{type_}::{name}", type=type_, name=name, mark="", parent="", custom=True, remote=False, read=False,
        provider="", inputs=inputs, outputs={}, depends_on=(), property_depends_on={}, secrets=(), options={},
        place=Place("infra/components/x.py", 3),
    )  # fmt: skip


def recording(*resources: Resource) -> Recording:
    known = Graph("dev-us-east-1", "dev", "region", "us-east-1", True, resources, {})
    return Recording(known, dataclasses.replace(known, known=False))


def remark(check: str, name: str, *, passed: bool = False, title: str = "Ensure it <is> so") -> Remark:
    urn = f"urn:{BUCKET}::{name}"
    return Remark("dev-us-east-1", check, urn, BUCKET, name, passed, title, "infra/components/x.py", 3)


def explanation(check: str = "CKV_AWS_18", **more: Any) -> Explanation:
    because = "Trails hold who read what; logs of logs would say nothing more."
    return Explanation.model_validate({"check": check, "stance": "otherwise", "because": because, **more})


@cache
def sources() -> Sources:
    """Return what a report on one open bucket is made of; Checkov's word on it is made up."""
    catalogue = load_catalogue()
    found = assess([recording(resource(BUCKET, "files", bucket="files"))], date(2026, 11, 24), whole=False)
    said = Opinion("3.0", (remark("CKV_AWS_18", "files"), remark("CKV_AWS_21", "files")))
    settled: Settled = settle(said, [explanation()], found.findings, catalogue, whole=False)
    admission = Admission({"images-pinned": {"pass": 2}, "images-signed": {"declared only": 1}}, ())
    return Sources(catalogue, found, admission, settled, None, "who | what", "role | answer", (("dev-us-east-1", 1),))


@cache
def report() -> dict[str, Any]:
    """Return the content of the report."""
    return content(sources())


def header(said: dict[str, Any] | None = None) -> dict[str, str]:
    """Return a header as the command makes it."""
    return {
        "commit": "c" * 40, "committed": "2026-11-23T10:00:00Z", "changed": "", "policies": "abc", "made": "2026-11-24",
        "sha256": hashed(said or report()),
    }  # fmt: skip
