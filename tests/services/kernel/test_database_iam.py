"""Who signs in by IAM, and with what."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from services.kernel.database import iam_password

AURORA = "careslot-prod-shared.cluster-abc123.us-west-2.rds.amazonaws.com"


async def test_aurora_is_signed_in_to_with_a_token_for_this_host_and_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    password = iam_password(f"postgresql://notifications@{AURORA}:5432/notifications?sslmode=require")
    assert password is not None
    token = urlsplit("https://" + await password())
    asked = parse_qs(token.query)
    assert token.netloc == f"{AURORA}:5432"
    assert asked["DBUser"] == ["notifications"]
    assert asked["Action"] == ["connect"]
    assert "/us-west-2/rds-db/" in asked["X-Amz-Credential"][0]
    assert int(asked["X-Amz-Expires"][0]) <= 900


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://booking:secret@{AURORA}/booking",
        "postgresql://booking@localhost/booking",
        "postgresql://booking@/booking?host=/tmp/socket",
        "postgresql://booking@evil.example/x.us-west-2.rds.amazonaws.com",
    ],
)
def test_other_addresses_are_taken_as_they_are(dsn: str) -> None:
    assert iam_password(dsn) is None
