"""The register of eligible services: found by type, the longer entry first, and no service without a reason."""

from __future__ import annotations

from datetime import date

import pytest

from policies.eligibility import Eligibility, Service, load_eligibility


@pytest.mark.parametrize(
    ("type_", "name", "data"),
    [
        ("aws:s3/bucket:Bucket", "Amazon S3", "phi"),
        ("aws:cloudwatch/eventBus:EventBus", "Amazon EventBridge", "phi"),
        ("aws:cloudwatch/logGroup:LogGroup", "Amazon CloudWatch", "phi"),
        ("aws:apprunner/service:Service", "AWS App Runner", "public"),
    ],
)
def test_a_service_is_found_by_its_type(type_: str, name: str, data: str) -> None:
    service = load_eligibility().service_of(type_)
    assert service is not None
    assert (service.name, service.data) == (name, data)


@pytest.mark.parametrize("type_", ["aws:qldb/ledger:Ledger", "random:index/x:X", "nonsense"])
def test_what_is_not_in_the_register_is_not_found(type_: str) -> None:
    assert load_eligibility().service_of(type_) is None


def test_a_restriction_has_a_reason() -> None:
    with pytest.raises(ValueError, match="say why it may not hold PHI"):
        Service(name="Something", data="internal")
    with pytest.raises(ValueError, match="say where it was found to be eligible"):
        Service(name="Something", data="phi")


def test_where_it_was_seen_is_named() -> None:
    given = {"source": "x", "how": "y", "read": date(2026, 1, 1), "review": date(2026, 6, 1), "copies": {"a": "b"}}
    with pytest.raises(ValueError, match="list: not among copies"):
        Eligibility.model_validate({**given, "services": {"s3": {"name": "S3", "data": "phi", "seen": "list"}}})


def test_the_register_is_read_twice_a_year() -> None:
    given = {"source": "x", "how": "y", "copies": {}, "services": {}, "read": date(2026, 1, 1)}
    with pytest.raises(ValueError, match="within 190 days after 2026-01-01"):
        Eligibility.model_validate({**given, "review": date(2027, 1, 1)})
    register = Eligibility.model_validate({**given, "review": date(2026, 7, 1)})
    assert [register.overdue(day) for day in (date(2026, 7, 1), date(2026, 7, 2))] == [False, True]
