"""The rules of adaptive slotting: lengths, risk, depth, reserve, surge, and the plan made of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.availability.adapters import noshow_model
from services.availability.domain.sessions import Period, WorkingSession
from services.availability.domain.slotting.durations import Length, TypeLength, learn, measured_minutes, of_type
from services.availability.domain.slotting.explain import content_of, depth_reason
from services.availability.domain.slotting.overbooking import Costs, Expected, Question, decide, outlook
from services.availability.domain.slotting.plan import Booked, Facts, Plan, SlottingRules, plan, usual_visit
from services.availability.domain.slotting.reserve import ReservePolicy, reserve
from services.availability.domain.slotting.risk import History, Risk, Visit, base_shift
from services.availability.domain.slotting.surge import ENTER, LEAVE, Surge, demand_index, surge_of
from tests.services.availability.places import FOLLOW_UP, NEW_PATIENT, template

MODEL = noshow_model.load()
BEGINS = datetime(2027, 1, 4, 14, 0, tzinfo=UTC)
CALM = Surge(1.0, active=False, reason="usual")
FLU = Surge(2.5, active=True, reason="flu")
PLANNED = TypeLength(20, 20, 0)


# ---- lengths


def test_one_forgotten_check_out_changes_nothing() -> None:
    usual = [24.0] * 40
    assert learn([*usual, 79.0], PLANNED).minutes == learn(usual, PLANNED).minutes == 25


@given(st.lists(st.floats(5, 80), max_size=60), st.integers(10, 60))
@settings(max_examples=60)
def test_a_learnt_length_lies_between_what_was_measured_and_the_type(measured: list[float], planned: int) -> None:
    length = learn(measured, TypeLength(planned, planned, 0))
    low, high = min([*measured, planned]), max([*measured, planned])
    # The mean of skewed durations lies above their median, by the square root of two at most.
    assert low - 2.5 <= length.minutes <= high * 1.42 + 2.5
    assert length.minutes % 5 == 0
    assert length.visits == len(measured)


def test_few_visits_count_little_and_many_much() -> None:
    assert learn([40.0] * 2, PLANNED).minutes < learn([40.0] * 60, PLANNED).minutes
    assert of_type(20, [30.0] * 9).typical == 20
    assert of_type(20, [30.0] * 10).typical == 30


def test_a_visit_begins_when_both_are_there() -> None:
    at = [BEGINS + timedelta(minutes=m) for m in (0, 10, 30)]
    assert measured_minutes(at[0], at[2], 20, None) == 30
    assert measured_minutes(at[0], at[2], 20, at[1]) == 20
    assert measured_minutes(at[0], at[0] + timedelta(hours=9), 20, None) is None


# ---- risk


def test_risk_rises_with_lead_time_and_with_misses() -> None:
    def risk(lead: int, past: History | None = None) -> float:
        return MODEL.risk(Visit(lead, 0, past or History())).probability

    missed = History().after(True, 0.2).after(True, 0.2)
    kept = History().after(False, 0.2).after(False, 0.2)
    assert risk(0) < risk(1) < risk(14)
    assert risk(14, missed) > risk(14, kept)
    assert (
        risk(3)
        == MODEL.risk(Visit(3, 0, distance_km=2.0)).probability
        < MODEL.risk(Visit(3, 0, History(), 20.0)).probability
    )


def test_a_risk_is_the_sum_of_its_parts() -> None:
    found = MODEL.risk(Visit(7, 2, History(3, 1, 0.6, 0.4), 10.0), shift=-0.5)
    assert Risk(1 / (1 + 2.718281828459045 ** -sum(found.parts.values()))).probability == pytest.approx(
        found.probability
    )
    assert {"race", "payer", "language", "age", "sex"}.isdisjoint(found.parts)


def test_a_place_starts_from_published_rates_and_ends_at_its_own() -> None:
    assert MODEL.risk(Visit(5, 0), base_shift(0.21, 0.10, 0, 0, 50)).probability < MODEL.risk(Visit(5, 0)).probability
    assert base_shift(0.2, 0.1, 200_000, 1_000_000, 50) == pytest.approx(0.0, abs=0.01)


# ---- depth

USUAL = Costs()


def question(shows: float, cap: float = 60.0, most: int = 2, costs: Costs = USUAL) -> Question:
    band = (("middle", 1.0),)
    return Question(
        ((Expected(shows, band),),) * 9, 20, 20, 0.35, Expected(shows, band), frozenset(range(9)), most, cap, costs
    )


def test_who_always_comes_is_not_overbooked_and_who_rarely_does_is() -> None:
    assert not decide(question(1.0)).extra
    few, many = decide(question(0.8)), decide(question(0.5))
    assert 0 < sum(few.extra.values()) < sum(many.extra.values())
    assert many.after.cost < many.before.cost


@given(st.floats(0.4, 1.0), st.floats(0, 20), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_no_answer_passes_the_cap_or_the_depth_or_costs_more(shows: float, cap: float, most: int) -> None:
    asked = question(shows, cap, most)
    answer = decide(asked)
    assert not answer.extra or answer.after.worst_wait <= cap
    assert all(1 + extra <= most for extra in answer.extra.values())
    assert answer.after.cost <= answer.before.cost


def test_dear_patients_are_not_kept_waiting() -> None:
    cheap, dear = (decide(question(0.6, costs=Costs(wait=weight))) for weight in (0.0, 1.0))
    assert sum(dear.extra.values()) < sum(cheap.extra.values())


def test_a_session_without_chance_is_what_arithmetic_says() -> None:
    sure = Question(((Expected(1.0, (("low", 1.0),)),),) * 3, 20, 30, 0.0, Expected(1.0, ()), frozenset(), 1, 60)
    found = outlook(sure, sure.cells)
    # 30 minutes every 20: the second waits 10, the third 20, the session ends 30 late.
    assert (found.idle, found.wait, found.overtime) == pytest.approx((0, 30, 30))


# ---- reserve and surge


def cells(count: int) -> list[tuple[datetime, datetime]]:
    return [(BEGINS + timedelta(minutes=20 * n), BEGINS + timedelta(minutes=20 * n + 20)) for n in range(count)]


def test_four_a_day_open_in_steps_and_a_surge_keeps_more_for_longer() -> None:
    day = timedelta(hours=8)
    calm, flu = (reserve(ReservePolicy(), cells(24), day, surge) for surge in (CALM, FLU))
    assert [one.hours for one in calm] == [72, 72, 24, 2]
    assert len({one.cell for one in calm}) == 4
    assert len(flu) == 9 and 72 not in {one.hours for one in flu}
    assert calm[0].opens_at == calm[0].starts_at - timedelta(hours=72)
    assert len(reserve(ReservePolicy(per_day=40), cells(10), day, FLU)) == 4


def test_a_reserve_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="falling"):
        ReservePolicy(4, (2, 24))


def test_surge_mode_does_not_flicker() -> None:
    assert not surge_of(40, 160, was_active=False).active
    assert surge_of(120, 160, was_active=False).active
    between = (ENTER + LEAVE) / 2
    assert surge_of(0, 0, was_active=True, told=between).active
    assert not surge_of(0, 0, was_active=False, told=between).active
    assert demand_index(0, 0) == 1.0
    assert "set by the operator" in surge_of(0, 0, was_active=False, told=2.0).reason


# ---- the plan


def planned(length: int = 20, booked: tuple[Booked, ...] = (), depth: int = 2, shift: float = 1.0) -> Plan:
    one = template(adaptive=True, depth=depth)
    session = WorkingSession(one, BEGINS.date(), BEGINS, Period(BEGINS, BEGINS + timedelta(hours=3)))
    facts = Facts(20, Length(length, float(length), 0.35, 40, ("measured",)), booked, CALM, shift, former_grid=20)
    return plan(session, facts, SlottingRules(MODEL))


def test_a_plan_covers_the_session_once_and_is_deeper_in_parts() -> None:
    found = planned()
    base, *deeper = found.sessions()
    assert base.template.depth == 1 and base.layer == 0 and base.period == found.session.period
    assert deeper and all(one.template.depth == one.layer == 2 for one in deeper)
    reserved = {kept.starts_at for kept in found.reserved}
    assert reserved and reserved.isdisjoint(one.period.starts_at for one in deeper)


def test_a_template_of_depth_one_is_never_overbooked() -> None:
    assert not planned(depth=1).lanes


def test_those_who_come_leave_no_place_and_the_booked_grid_stays() -> None:
    sure = tuple(Booked(Period(*cell), Risk(0.01)) for cell in cells(9))
    found = planned(length=30, booked=sure, shift=0.0)
    assert found.grid_minutes == 20
    assert not found.lanes
    assert planned(length=30).grid_minutes == 30


def test_a_plan_tells_why_but_not_about_one_patient() -> None:
    alone = (Booked(Period(*cells(1)[0]), Risk(0.9)),)
    content = content_of(planned(booked=alone))
    assert content["depth"]["mean_risk"] is None
    told = depth_reason(2, content_of(planned()))
    assert "2 may share this time" in told and "worst group" in told
    assert depth_reason(1, content).startswith("one at a time")


def test_the_grid_is_made_for_the_shortest_visit_taken() -> None:
    assert usual_visit(template(), [NEW_PATIENT, FOLLOW_UP]) == FOLLOW_UP
    only_new = template(visit_types=frozenset({NEW_PATIENT.visit_type}))
    assert usual_visit(only_new, [NEW_PATIENT, FOLLOW_UP]) == NEW_PATIENT
    assert usual_visit(template(), [replace(FOLLOW_UP, active=False)]) is None
