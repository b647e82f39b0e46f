"""Ranking: the nearest like what was booked first, another way for who cannot wait, and no stampede for one slot."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.booking.domain.disruption import OF_A_KIND, SHOWN, Candidate, DisruptedVisit, VisitState, answer_by, rank
from tests.services.booking.world import NOW, START, offer

VISIT = DisruptedVisit(
    id=uuid4(), disruption_id="d", appointment_id=uuid4(), patient_id="pat-1", clinician_id="cln-00001",
    facility_id="fac-0001", specialty="family-medicine", visit_type="v", slot_id="own", starts_at=START,
    ends_at=START + timedelta(minutes=20), timezone="America/New_York", state=VisitState.FOUND, cause="",
    answer_by=None, told_at=None, not_reached="", alternatives=(), searched_at=None,
)  # fmt: skip


def candidates(count: int, clinician: str = "cln-00001", facility: str = "fac-0001") -> list[Candidate]:
    slots = [offer(START + timedelta(hours=n + 1), clinician=clinician, facility=facility) for n in range(count)]
    return [Candidate(slot, {}, 5.0) for slot in slots]


OWN, SAME = candidates(9), candidates(9, "cln-00002")
NEAR = candidates(9, "cln-00003", "fac-0002")


def test_same_clinician_then_same_facility_then_nearby() -> None:
    ranked = rank(VISIT, [*NEAR, *SAME, *OWN, *OWN], Counter())
    assert ranked == [*OWN[:OF_A_KIND], *SAME[:OF_A_KIND]]
    assert rank(VISIT, [*NEAR, *OWN[:2]], Counter()) == [*OWN[:2], *NEAR[:4]]
    assert len(rank(VISIT, OWN, Counter())) == SHOWN


def test_what_others_were_shown_comes_later() -> None:
    shown = Counter({one.offer.slot_id: 1 for one in OWN[:3]})
    assert {one.offer.slot_id for one in rank(VISIT, [*OWN, *SAME], shown)} & set(shown) == set()


@given(st.integers(0, 500), st.integers(1, 168))
def test_an_answer_is_never_waited_for_until_the_visit(hours: int, window: int) -> None:
    until = answer_by(NOW, NOW + timedelta(hours=hours), timedelta(hours=window))
    assert NOW <= until <= NOW + timedelta(hours=min(window, hours / 2))
