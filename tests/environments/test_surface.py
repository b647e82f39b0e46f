"""Settings of what callers meet: who vouches for partners, and how edge services may be sized."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from environments.model import Edge, load_environment
from environments.surface import Api


def test_partners_need_an_authority_that_vouches_for_them() -> None:
    settings = load_environment("dev").api.model_dump()
    assert Api.model_validate(settings).partners
    with pytest.raises(ValidationError, match="partner_authorities names who signed them"):
        Api.model_validate({**settings, "partner_authorities": ()})
    with pytest.raises(ValidationError, match="a certificate in PEM"):
        Api.model_validate({**settings, "partner_authorities": ("not a certificate",)})


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
