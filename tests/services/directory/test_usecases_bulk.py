"""Many records at once: each told once, a repeat changes nothing, what people decided stays."""

from __future__ import annotations

from dataclasses import replace

from services.contracts.events import EVENTS
from services.directory.domain.records import Facility
from services.directory.usecases.bulk import CHUNK, Tally, bulk_record
from services.directory.usecases.recording import event_for
from tests.services.directory.fakes import ANA, BOSTON, FOLLOW_UP, MARIA, NOW, WORLD, MemoryStore


async def test_everything_lands_in_any_order_and_is_told_once() -> None:
    store = MemoryStore()
    tally = await bulk_record(store, tuple(reversed(WORLD)), NOW)
    assert (tally.added, tally.changed, tally.unchanged) == (len(WORLD), 0, 0)
    assert len(store.events) == len(WORLD) - 1  # nobody projects specialties
    again = await bulk_record(store, WORLD, NOW, replace=True)
    assert (again.added, again.changed, again.unchanged) == (0, 0, len(WORLD))
    assert len(store.events) == len(WORLD) - 1


async def test_a_seed_keeps_and_an_import_replaces() -> None:
    store = MemoryStore(BOSTON)
    renamed = replace(BOSTON, name="Boston General")
    assert (await bulk_record(store, [renamed], NOW)).unchanged == 1
    tally = await bulk_record(store, [renamed], NOW, replace=True)
    assert (tally.changed, set(tally.keys)) == (1, {"fac-0001"})
    kept = await store.find(Facility, "fac-0001")
    assert kept is not None
    assert (kept.record.name, kept.version) == ("Boston General", 2)


async def test_of_equal_keys_the_last_counts_and_chunks_add_up() -> None:
    store = MemoryStore()
    many = [replace(BOSTON, facility_id=f"fac-{n}") for n in range(CHUNK + 5)]
    tally = await bulk_record(store, [BOSTON, *many, replace(BOSTON, name="Last")], NOW)
    assert tally.added == len(many) + 1
    kept = await store.find(Facility, "fac-0001")
    assert kept is not None
    assert kept.record.name == "Last"


def test_tallies_add() -> None:
    assert Tally(1, 2, 3, frozenset("a")) + Tally(1, 1, 1, frozenset("b")) == Tally(2, 3, 4, frozenset("ab"))


def test_events_carry_the_state_that_contracts_name() -> None:
    for record in (BOSTON, ANA, FOLLOW_UP, MARIA):
        event = event_for(record, 7)
        assert event is not None
        payload = event.payload()
        assert payload["version"] == 7
        assert set(payload) == set(EVENTS[event.type].EXAMPLE)
        assert not {"address", "family_key"} & set(payload)
