"""Settings of what is reached: authorities are certificates of authorities, partners need one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from environments.model import Environment, load_environment
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
