"""Records check themselves: whatever door a value came through, what is kept can be stored, told and searched."""

from __future__ import annotations

import json
import zoneinfo
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.directory.domain.places import STATE_ZONES, distance_km
from services.directory.domain.proxies import birthday, check_expiry, latest_expiry, proxy_id
from services.directory.domain.records import Facility, Patient, Proxy
from services.directory.domain.values import Findings, is_text, missing, search_key, zones
from services.kernel.errors import Invalid
from tests.services.directory.fakes import ANA, BOSTON, CHILD, FOLLOW_UP, MARIA, NOW

degrees = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("facility_id", "boston"), ("name", ""), ("name", " Boston"), ("name", "a\x00b"), ("name", "a\nb"),
        ("name", "x" * 121), ("name", "\ud800"), ("kind", "clinic"), ("state", "XX"), ("state", "ma"),
        ("zip_code", "2108"), ("zip_code", "02108\n"), ("zip_code", "٠٢١٠٨"), ("latitude", 90.1),
        ("latitude", float("nan")), ("longitude", float("inf")), ("timezone", "Eastern"), ("timezone", "Factory"),
        ("timezone", "../etc/passwd"), ("phone", "617-555-0100"),
    ],
)  # fmt: skip
def test_facility_refuses(field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        replace(BOSTON, **{field: value})
    assert [error.where for error in refused.value.errors] == [field]


@pytest.mark.parametrize(
    ("record", "field", "value"),
    [
        (ANA, "languages", ()), (ANA, "languages", ("en", "en")), (ANA, "languages", ("english!",)),
        (ANA, "facility_ids", ()), (ANA, "specialty", "Family Medicine"),
        (FOLLOW_UP, "minutes", 0), (FOLLOW_UP, "minutes", 7), (FOLLOW_UP, "minutes", 485), (FOLLOW_UP, "code", "a--b"),
        (MARIA, "language", "fr"), (MARIA, "email", "maria"), (MARIA, "email", "a@b\x00.org"),
        (MARIA, "birth_date", date(1, 1, 1)), (MARIA, "birth_date", date(9999, 12, 31)),
        (MARIA, "phone", "+0123456789"), (MARIA, "facility_ids", ("*",)),
    ],
)  # fmt: skip
def test_people_and_visits_refuse(record: Any, field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        replace(record, **{field: value})
    assert {error.where for error in refused.value.errors} == {field}


def test_refusals_tell_everything_at_once_and_never_the_value() -> None:
    with pytest.raises(Invalid) as refused:
        replace(MARIA, email="Maria Muñoz", phone="555 0100")
    told = json.dumps(refused.value.problem())
    assert "email" in told
    assert "phone" in told
    assert "Mu" not in told
    assert "555 0" not in told


@pytest.mark.parametrize("language", ["en", "es", "zh-Hant", "pt-BR", "es-419", "haw"])
def test_clinicians_speak_what_bcp_47_names(language: str) -> None:
    assert replace(ANA, languages=(language,)).languages == (language,)


@given(st.text())
def test_text_that_passes_can_be_carried(text: str) -> None:
    assume(is_text(text))
    assert json.loads(json.dumps(text).encode()) == text
    assert "\x00" not in text
    assert text.encode().decode() == text
    assert text == text.strip()


@given(st.text())
def test_search_key_is_stable_and_forgives(name: str) -> None:
    key = search_key(name)
    assert search_key(key) == search_key(search_key(key))
    assert search_key(f"  {name}  ") == key


def test_search_key_drops_case_and_accents() -> None:
    assert search_key("  MUÑOZ  de la Peña ") == "munoz de la pena"


def test_zones_are_places() -> None:
    assert {"America/New_York", "America/Phoenix", "Pacific/Honolulu", "UTC"} <= zones()
    assert not {"Factory", "localtime", ""} & zones()
    assert set(STATE_ZONES.values()) <= zoneinfo.available_timezones()


def test_findings_are_silent_when_all_is_well() -> None:
    found = Findings()
    found.text("Boston", "name")
    found.unless(True, "name", "never")
    found.settle()
    assert missing(["b", "a"], ["a"]) == ["b"]


def test_distance_of_cities_is_what_maps_say() -> None:
    assert distance_km(42.3601, -71.0589, 34.0522, -118.2437) == pytest.approx(4170, abs=15)


@given(degrees, degrees)
def test_distance_is_a_distance(one: tuple[float, float], other: tuple[float, float]) -> None:
    there, back = distance_km(*one, *other), distance_km(*other, *one)
    assert there == pytest.approx(back, abs=1e-6)
    assert 0 <= there <= 20_016


@given(st.dates(date(1900, 1, 1), date(2026, 11, 22)), st.timedeltas(timedelta(seconds=1), timedelta(days=20_000)))
def test_no_grant_outlasts_a_year_or_childhood(born: date, lasting: timedelta) -> None:
    patient = replace(MARIA, birth_date=born)
    expires_at = NOW + lasting
    try:
        check_expiry(patient, expires_at, NOW)
    except Invalid:
        assert expires_at > latest_expiry(patient, NOW)
        return
    adult = birthday(patient, 18) <= NOW
    assert expires_at - NOW <= timedelta(days=366) if adult else expires_at <= birthday(patient, 18)


def test_born_on_a_leap_day_comes_of_age_in_march_where_they_live() -> None:
    assert birthday(CHILD, 18) == datetime(2034, 3, 1, 5, tzinfo=UTC)
    assert birthday(replace(CHILD, timezone="Pacific/Honolulu"), 18) == datetime(2034, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("away", [timedelta(0), timedelta(days=-1)])
def test_a_grant_ends_in_the_future(away: timedelta) -> None:
    with pytest.raises(Invalid, match="future"):
        check_expiry(MARIA, NOW + away, NOW)


def test_a_proxy_lasts_until_it_ends_or_is_withdrawn() -> None:
    proxy = Proxy(proxy_id("pat-000003", "pat-000001"), "pat-000003", "pat-000001", NOW + timedelta(days=1))
    assert proxy.lasts(NOW)
    assert not proxy.lasts(NOW + timedelta(days=1))
    assert not replace(proxy, active=False).lasts(NOW)
    with pytest.raises(Invalid):
        replace(proxy, person="pat-000003")
    with pytest.raises(Invalid):
        replace(proxy, expires_at=datetime(2027, 1, 1))  # noqa: DTZ001 -- what is refused


def test_proxy_ids_name_the_pair() -> None:
    assert proxy_id("pat-1", "pat-2") == proxy_id("pat-1", "pat-2") != proxy_id("pat-2", "pat-1")


def test_records_are_values() -> None:
    assert isinstance(BOSTON, Facility)
    assert isinstance(MARIA, Patient)
    assert MARIA.family_key == "munoz"
