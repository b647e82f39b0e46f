"""Errors say what a caller can do, and nothing an exception happened to hold."""

from services.kernel.errors import CareslotError, Conflict, FieldError, Invalid, Unavailable


def test_a_problem_carries_type_title_status_detail_and_instance() -> None:
    problem = Conflict("Taken.", slug="slot-taken", extra={"alternatives": []}).problem("urn:trace:1")
    assert problem == {
        "type": "urn:careslot:problem:slot-taken",
        "title": "This conflicts with the current state",
        "status": 409,
        "detail": "Taken.",
        "instance": "urn:trace:1",
        "alternatives": [],
    }


def test_field_errors_say_where_and_what() -> None:
    problem = Invalid("See errors.", errors=[FieldError("body/zip", "five digits")]).problem()
    assert problem["errors"] == [{"where": "body/zip", "what": "five digits"}]
    assert "instance" not in problem


def test_a_slug_of_one_error_does_not_stick_to_its_class() -> None:
    Conflict(slug="slot-taken")
    assert Conflict().slug == "conflict"
    assert CareslotError().problem()["type"] == "urn:careslot:problem:internal"
    assert Unavailable(retry_after=3).retry_after == 3
