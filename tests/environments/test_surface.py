"""Settings of what callers meet: who vouches for partners, and how edge services may be sized."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from environments.model import Edge, Environment, load_environment
from environments.surface import Api

EVERYONE = {"rate": 10, "burst": 20}


@pytest.mark.parametrize(
    "pem", ["", "not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_an_authority_is_a_certificate(pem: str) -> None:
    with pytest.raises(ValidationError, match="a certificate in PEM"):
        Api.model_validate({"everyone": EVERYONE, "partner_authorities": [pem]})


def test_partners_without_an_authority_are_refused() -> None:
    partners = {"example": {"rate": 1, "burst": 2, "daily": 3}}
    with pytest.raises(ValidationError, match="partner_authorities names who signed them"):
        Api.model_validate({"everyone": EVERYONE, "partners": partners})


def test_the_serving_region_is_one_of_the_environments() -> None:
    prod: dict[str, Any] = load_environment("prod").model_dump()
    assert Environment.model_validate(prod | {"serving": "us-west-2"}).serves("us-west-2")
    with pytest.raises(ValidationError, match="serving: 'us-east-2' is none of the regions us-east-1, us-west-2"):
        Environment.model_validate(prod | {"serving": "us-east-2"})


@pytest.mark.parametrize(
    ("cpu", "memory", "good"), [(512, 1024, True), (512, 4096, True), (512, 512, False), (256, 4096, False)]
)
def test_a_task_has_a_size_that_fargate_knows(cpu: int, memory: int, good: bool) -> None:
    sizes = {"cpu": cpu, "memory_mib": memory}
    if good:
        assert Edge.model_validate(sizes).memory_mib == memory
    else:
        with pytest.raises(ValidationError, match=f"for {cpu} units of cpu"):
            Edge.model_validate(sizes)


@pytest.mark.parametrize("release", ["latest", "1.2", "sha256:abc", ""])
def test_what_runs_is_a_version_or_a_digest(release: str) -> None:
    with pytest.raises(ValidationError, match=r"releases\.portal"):
        Edge.model_validate({"releases": {"portal": release}})
