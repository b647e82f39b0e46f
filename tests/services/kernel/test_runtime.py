"""A process without data of its own needs no database and no bus; one with data cannot start without."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.kernel.runtime import ProcessSettings, ServiceSettings

SHARED = {"TOKEN_ISSUER": "i", "TOKEN_AUDIENCES": "a", "TOKEN_JWKS_URL": "j", "ACCESS_POLICIES": "p", "PORT": "8107"}


def test_only_a_service_with_data_needs_its_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SHARED.items():
        monkeypatch.setenv(f"CARESLOT_{name}", value)
    monkeypatch.delenv("CARESLOT_DATABASE_URL", raising=False)
    assert ProcessSettings().port == 8107
    with pytest.raises(ValidationError, match="database_url"):
        ServiceSettings()
    monkeypatch.setenv("CARESLOT_DATABASE_URL", "postgresql:///x")
    assert ServiceSettings().database_url == "postgresql:///x"
