"""Escalation is impossible: nobody gives what they do not hold, takes what is not theirs, or changes themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.events.directory import RoleAssigned
from services.contracts.roles import Role
from services.directory.domain.records import Clinician, Facility, Patient, RoleAssignment, key_of
from services.directory.ports import Account
from services.directory.usecases.roles import Roles
from services.kernel.access import AccessRefused
from services.kernel.clock import FixedClock
from services.kernel.errors import CareslotError, Forbidden, Invalid, NotFound
from tests.services.directory.fakes import (
    ACTORS,
    ANA,
    JOHN,
    MARIA,
    NOW,
    WORLD,
    FakeAccounts,
    MemoryStore,
    actor,
    gate_of,
)

EVERYONE = ("new", "administrator", "administrator1", "held")


class World:
    """A directory with accounts."""

    def __init__(self, *accounts: Account) -> None:
        self.store = MemoryStore(*WORLD)
        self.accounts = FakeAccounts(Account("new", "new"), *accounts)
        self.roles = Roles(self.store.begin, self.accounts, FixedClock(NOW))

    async def assign(self, who: str, wanted: RoleAssignment) -> bool:
        """Assign as ``who``; tell whether it is effective."""
        return (await self.roles.assign(gate_of(who, "assign-role"), wanted)).effective


def desk(*facilities: str, username: str = "new") -> RoleAssignment:
    return RoleAssignment(username, Role.FRONT_DESK, facilities, "")


async def test_an_assignment_is_kept_told_audited_and_given() -> None:
    world = World()
    assert await world.assign("administrator1", desk("fac-0001"))
    assert world.accounts.assigned == [desk("fac-0001")]
    assert world.store.events == [RoleAssigned(username="new", role="front-desk", facilities=("fac-0001",), person="")]
    assert [(entry.action, entry.outcome, entry.resource_id) for entry in world.store.entries] == [
        ("assign-role", "allowed", "fac-0001")
    ]


async def test_repeating_it_changes_nothing() -> None:
    world = World()
    await world.assign("administrator1", desk("fac-0001"))
    assert await world.assign("administrator1", desk("fac-0001"))
    assert len(world.store.events) == 1
    assert len(world.accounts.assigned) == 1


async def test_repeating_it_mends_an_account_that_was_changed_past_us() -> None:
    world = World()
    await world.assign("administrator", desk("fac-0001"))
    world.accounts.accounts["new"] = replace(world.accounts.accounts["new"], facilities=frozenset({"*"}))
    assert await world.assign("administrator", desk("fac-0001"))
    assert world.accounts.accounts["new"].facilities == {"fac-0001"}


@pytest.mark.parametrize(
    "wanted",
    [
        desk("fac-0002"), desk("*"), desk("fac-0001", "fac-0002"), desk("fac-9999"),
        RoleAssignment("new", Role.FACILITY_ADMINISTRATOR, ("*",), ""),
        RoleAssignment("new", Role.AUDITOR, ("*",), ""),
        RoleAssignment("new", Role.PATIENT, (), "pat-000002"),
        RoleAssignment("new", Role.PROXY, (), "pat-000002"),
        RoleAssignment("new", Role.PATIENT, (), "pat-999999"),
        RoleAssignment("new", Role.PATIENT, (), ""),
    ],
)  # fmt: skip
async def test_an_administrator_gives_only_inside_their_facilities(wanted: RoleAssignment) -> None:
    world = World()
    with pytest.raises(AccessRefused):
        await world.assign("administrator1", wanted)
    assert not world.accounts.assigned
    assert not world.store.events


@pytest.mark.parametrize("who", ["desk", "callcentre", "auditor", "maria", "john"])
async def test_nobody_but_administrators_assigns(who: str) -> None:
    with pytest.raises(AccessRefused):
        await World().assign(who, desk("fac-0001"))


@pytest.mark.parametrize(
    "held",
    [
        Account("held", "s", frozenset({"front-desk"}), frozenset({"fac-0002"})),
        Account("held", "s", frozenset({"facility-administrator"}), frozenset({"*"})),
        Account("held", "s", frozenset({"patient"}), frozenset(), "pat-000002"),
        Account("held", "s", frozenset({"patient"}), frozenset(), "pat-unknown"),
    ],
)
async def test_an_administrator_takes_nothing_away_elsewhere(held: Account) -> None:
    world = World(held)
    with pytest.raises(AccessRefused):
        await world.assign("administrator1", desk("fac-0001", username="held"))
    assert await world.assign("administrator", desk("fac-0001", username="held"))


async def test_what_the_directory_recorded_counts_even_if_the_account_forgot() -> None:
    world = World()
    await world.assign("administrator", desk("fac-0002"))
    world.accounts.accounts["new"] = Account("new", "new")
    with pytest.raises(AccessRefused):
        await world.assign("administrator1", desk("fac-0001"))


async def test_nobody_changes_their_own_role() -> None:
    world = World(Account("me", "administrator"))
    with pytest.raises(Forbidden) as refused:
        await world.assign("administrator", desk("fac-0001", username="me"))
    assert refused.value.slug == "own-role"


async def test_a_clinician_account_takes_authority_over_all_their_facilities() -> None:
    world = World()
    await world.store.put(replace(ANA, clinician_id="cln-00002", facility_ids=("fac-0001", "fac-0002")), 1)
    wanted = RoleAssignment("new", Role.CLINICIAN, ("fac-0001",), "cln-00002")
    with pytest.raises(AccessRefused):
        await world.assign("administrator1", wanted)
    assert await world.assign("administrator", wanted)
    assert await world.assign("administrator", replace(wanted, person="cln-00001"))


async def test_senseless_and_strangers() -> None:
    world = World()
    with pytest.raises(Invalid):
        await world.assign("administrator", RoleAssignment("new", Role.AUDITOR, ("fac-0001",), ""))
    with pytest.raises(NotFound):
        await world.assign("administrator", desk("fac-0001", username="stranger"))


async def test_while_the_provider_is_down_it_is_recorded_and_given_later() -> None:
    world = World()
    world.accounts.down = True
    assert not await world.assign("administrator", desk("fac-0001"))
    assert len(world.store.events) == 1
    assert await world.roles.apply_pending() == 0  # tried a moment ago
    world.store.tried.clear()
    assert await world.roles.apply_pending() == 1
    world.accounts.down = False
    world.store.tried.clear()
    assert await world.roles.apply_pending() == 0
    assert world.accounts.assigned == [desk("fac-0001")]


facility_sets = st.sets(st.sampled_from(["fac-0001", "fac-0002", "fac-0003"]), max_size=3).map(
    lambda found: tuple(sorted(found))
)
scopes = facility_sets | st.just(("*",))
people = st.sampled_from(["", "pat-000001", "pat-000002", "cln-00001", "pat-unknown"])
BY_ID: dict[str, Patient | Clinician] = {"pat-000001": MARIA, "pat-000002": JOHN, "cln-00001": ANA}


def reach(facilities: tuple[str, ...], person: str) -> set[str]:
    """Return every facility whose data an account with these reaches at most; '*' stands for one more of its own."""
    found = {"fac-0001", "fac-0002", "fac-0003", "*"} if facilities == ("*",) else set(facilities)
    return found | set(BY_ID[person].facility_ids if person in BY_ID else ())


@given(scopes, st.sampled_from(list(Role)), scopes, people)
async def test_no_assignment_reaches_farther_than_its_assigner(
    own: tuple[str, ...], role: Role, facilities: tuple[str, ...], person: str
) -> None:
    world = World()
    assigner = gate_of(actor("boss", Role.FACILITY_ADMINISTRATOR, *own), "assign-role")
    try:
        await world.roles.assign(assigner, RoleAssignment("new", role, facilities, person))
    except CareslotError:
        assert not world.store.events
        assert not world.accounts.assigned
        return
    assert reach(facilities, person) <= reach(own, "")


def test_the_world_is_what_these_tests_think() -> None:
    assert {key_of(record) for record in WORLD if isinstance(record, Facility)} == {"fac-0001", "fac-0002", "fac-0003"}
    assert ACTORS["administrator1"].facilities == {"fac-0001"}
