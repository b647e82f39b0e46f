"""Events pass in both directions, or are another event."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

from pipelines.compatibility.events import compare, events_of
from pipelines.compatibility.schemas import Schema
from services.contracts.events import EVENTS
from services.kernel.errors import Unavailable

NAME = "booking.appointment-booked.v1"


class Booked(BaseModel):
    """As it is released."""

    appointment: str
    status: Literal["booked", "pending"]
    note: str = ""


class More(Booked):
    """With a field that nobody has to fill."""

    room: str = ""


class Demanding(Booked):
    """With one that everybody has to."""

    room: str


class Fewer(BaseModel):
    """Without one."""

    appointment: str
    status: Literal["booked", "pending"]


class Narrow(Booked):
    """With fewer values."""

    status: Literal["booked"]


class Wide(BaseModel):
    """With one more value."""

    appointment: str
    note: str = ""
    status: Literal["booked", "pending", "noshow"]


class Other(BaseModel):
    """With another type."""

    appointment: int
    note: str = ""
    status: Literal["booked", "pending"]


def told(model: type[BaseModel]) -> dict[str, dict[str, Schema]]:
    return {NAME: {"taken": model.model_json_schema(), "sent": model.model_json_schema(mode="serialization")}}


def test_a_new_field_that_nobody_has_to_fill_is_compatible() -> None:
    assert compare(told(Booked), told(Booked)) == []
    assert compare(told(Booked), told(More)) == []


@pytest.mark.parametrize(
    ("now", "where", "what"),
    [
        (Demanding, "room", "is required and is not there by this version"),
        (Fewer, "note", "is gone by the released services"),
        (Narrow, "status", "may be 'pending', which is not taken by this version"),
        (Wide, "status", "may be 'noshow', which is not taken by the released services"),
        (Other, "appointment", "may be integer, which is not taken by the released services"),
    ],
)
def test_what_breaks_is_told(now: type[BaseModel], where: str, what: str) -> None:
    found = compare(told(Booked), told(now))
    assert (f"{NAME} {where}", what) in {(one.where, one.what) for one in found}
    assert {one.path for one in found} == {"services/contracts/events/booking.py"}


def test_an_event_that_is_gone_is_told() -> None:
    (found,) = compare(told(Booked), {})
    assert found.what.startswith("is gone")


def test_a_checkout_tells_its_own_events(tmp_path: Path, root: Path) -> None:
    found = events_of(root)
    assert set(found) == set(EVENTS)
    assert compare(found, found) == []
    with pytest.raises(Unavailable, match="its events cannot be read"):
        (tmp_path / "services").mkdir()
        (tmp_path / "services" / "__init__.py").write_text("", "utf-8")
        events_of(tmp_path)
