"""Shared secrets: declared without a value, owned by a service, the same in every region."""

from __future__ import annotations

import pytest

from infra.components.shared_secrets import PLATFORM, SHARED_SECRETS
from services.contracts.catalogue import load_catalogue
from tests.fixtures.estate import stack

pytestmark = pytest.mark.xdist_group("estate")


def test_each_has_a_service_of_the_catalogue_and_no_value_in_the_state() -> None:
    routing = stack("prod-routing")
    secrets = {s.inputs["name"]: s for s in routing.of_type("aws:secretsmanager/secret:Secret")}
    assert set(secrets) == {f"careslot-prod-{secret.name}" for secret in SHARED_SECRETS}
    assert {s.tags["service"] for s in secrets.values()} <= {*load_catalogue(), PLATFORM}
    assert not routing.of_type("aws:secretsmanager/secretVersion:SecretVersion")


def test_one_region_needs_no_copy() -> None:
    secrets = stack("dev-routing").of_type("aws:secretsmanager/secret:Secret")
    assert len(secrets) == len(SHARED_SECRETS)
    assert all(secret.inputs["replicas"] == [] for secret in secrets)
