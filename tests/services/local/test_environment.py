"""Each service is told what it needs, and only availability where the private key lies."""

from __future__ import annotations

import importlib
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.break_glass import GlassKey, GlassKeys
from services.contracts.catalogue import load_catalogue
from services.contracts.slot_offer import OfferKeys
from services.kernel.actor import Emergency
from services.kernel.runtime import ProcessSettings, PublicSettings, ServiceSettings
from services.local import environment
from services.local.databases import with_database
from services.local.environment import Facts, process_environment, read_environment, write_environments
from services.local.identity import Identity
from services.local.offer_keys import GlassKeyFiles, OfferKeyFiles, ensure_glass_keys, ensure_offer_keys
from services.local.session_keys import ensure_session_key
from services.local.state import Layout

SERVICES = tuple(load_catalogue())


def facts(folder: Path) -> Facts:
    identity = Identity(
        "pool", "https://issuer", "http://jwks", "http://token", "portal", "app", "app-secret", "wl", "wl-secret"
    )
    return Facts(
        databases={name: f"postgresql://{name}@/{name}" for name in with_database()},
        ports={name: 8100 + number for number, name in enumerate(SERVICES)},
        gateway_port=8080, emulator_url="http://127.0.0.1:4566", identity=identity,
        offer_keys=OfferKeyFiles(
            folder / "slot-offer.pem", folder / "slot-offer.jwks.json", "key-1",
            folder / "waitlist-offer.pem", "key-2",
        ),
        glass_keys=GlassKeyFiles(folder / "break-glass.pem", folder / "break-glass.jwks.json", "key-3"),
        session_key="sealed",
    )  # fmt: skip


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_can_read_its_settings(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = facts(tmp_path)
    ensure_offer_keys(tmp_path)
    for name, value in environment.service_environment(service, known).items():
        monkeypatch.setenv(name, value)
    settings = importlib.import_module(f"services.{service}.settings").Settings()
    assert isinstance(settings, PublicSettings)
    assert isinstance(settings, ProcessSettings) == (service != "finder")
    assert settings.port == known.ports[service]
    assert isinstance(settings, ServiceSettings) == (service in known.databases)
    if isinstance(settings, ServiceSettings):
        assert settings.database_url == known.databases[service]


def test_only_availability_learns_where_the_private_key_is(tmp_path: Path) -> None:
    known = facts(tmp_path)
    private = str(known.offer_keys.private)
    told = {name for name in SERVICES if private in environment.service_environment(name, known).values()}
    assert told == {"availability"}
    theirs = str(known.offer_keys.waitlist_private)
    assert {n for n in SERVICES if theirs in environment.service_environment(n, known).values()} == {"waitlist"}
    glass = str(known.glass_keys.private)
    assert {n for n in SERVICES if glass in environment.service_environment(n, known).values()} == {"directory"}


def test_nobody_learns_the_app_clients_secret(tmp_path: Path) -> None:
    for name in SERVICES:
        assert "app-secret" not in json.dumps(environment.service_environment(name, facts(tmp_path)))


def test_a_service_learns_the_addresses_of_those_it_may_call_and_no_others(tmp_path: Path) -> None:
    known = facts(tmp_path)
    for name, entry in load_catalogue().items():
        told = environment.service_environment(name, known)
        urls = {other for other in SERVICES if f"CARESLOT_{other.upper()}_URL" in told}
        assert urls == set(entry.calls)


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,20}", fullmatch=True),
                       st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40)))  # fmt: skip
def test_variables_survive_their_file(tmp_path_factory: pytest.TempPathFactory, variables: dict[str, str]) -> None:
    layout = Layout(tmp_path_factory.mktemp("env"))
    write_environments(layout, {"booking": variables})
    assert read_environment(layout.environment("booking")) == variables
    assert stat.S_IMODE(layout.environment("booking").stat().st_mode) == 0o600


def test_children_inherit_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("PGPASSWORD", "x")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy")
    told = process_environment({"CARESLOT_PORT": "1"})
    assert {"AWS_PROFILE", "PGPASSWORD", "HTTP_PROXY"}.isdisjoint(told)
    assert told["CARESLOT_PORT"] == "1"


def test_offer_keys_are_made_once_and_fit_each_other(tmp_path: Path) -> None:
    first = ensure_offer_keys(tmp_path)
    pem = first.private.read_text()
    assert ensure_offer_keys(tmp_path) == first
    assert first.private.read_text() == pem
    assert {stat.S_IMODE(path.stat().st_mode) for path in (first.private, first.public)} == {0o600}
    published = json.loads(first.public.read_text())
    assert "d" not in published["keys"][0]
    OfferKeys(published)
    token = jwt.encode({"iss": "x"}, pem, algorithm="EdDSA", headers={"kid": first.key_id})
    assert jwt.decode(token, jwt.PyJWKSet.from_dict(published)[first.key_id].key, algorithms=["EdDSA"]) == {"iss": "x"}


def test_keys_of_emergency_accesses_are_made_once_and_fit_each_other(tmp_path: Path) -> None:
    made = ensure_glass_keys(tmp_path)
    assert ensure_glass_keys(tmp_path) == made
    now, emergency = datetime(2027, 1, 4, tzinfo=UTC), Emergency("btg-1", "pat-1")
    token = GlassKey(made.key_id, made.private.read_text()).sign(emergency, "sub", now, now + timedelta(minutes=1))
    assert GlassKeys.from_setting(str(made.public))(token, "sub", now) == emergency


def test_the_portals_key_is_made_once_and_told_to_the_portal_only(tmp_path: Path) -> None:
    key = ensure_session_key(tmp_path)
    assert ensure_session_key(tmp_path) == key
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    known = facts(tmp_path)
    assert {n for n in SERVICES if "sealed" in environment.service_environment(n, known).values()} == {"portal"}
