"""No name, phone, e-mail or birth date of a patient stands in any log, whatever people send and whatever goes wrong."""

from __future__ import annotations

from pathlib import Path

from services.local.state import Layout
from tests.journeys.consequences import settle
from tests.journeys.running import Running, slots

GIVEN, FAMILY, BORN = "Zyxwvutta", "Qplantedova", "1931-07-19"
PHONE, EMAIL = "+16175550142", "zyxwvutta.planted@example.org"
PLANTED = (GIVEN, FAMILY, BORN, "07/19/1931", PHONE, "617-555-0142", EMAIL, "planted@example")


def test_nothing_planted_reaches_a_log(platform: Running) -> None:
    desk, scheduler = platform.person("frontdesk"), platform.person("scheduler")
    record = {
        "given_name": GIVEN, "family_name": FAMILY, "birth_date": BORN, "email": EMAIL, "phone": PHONE,
        "language": "en", "timezone": "America/New_York", "facility_ids": ["fac-0001"],
    }  # fmt: skip
    made = desk.http.post("/directory/patients", json=record)
    assert made.status_code == 201, made.text
    patient = made.json()["patient_id"]
    found = desk.http.post(
        "/directory/patients/search", json={"facility": "fac-0001", "family_name": FAMILY, "birth_date": BORN}
    )
    assert [one["patient_id"] for one in found.json()["patients"]] == [patient]
    settle(platform.state)
    [slot] = slots(desk, 1, specialty="family-medicine", facility="fac-0001")
    assert scheduler.command("/booking/appointments", {"offer": slot["offer"], "patient_id": patient}).is_success
    # What people do wrong: PHI where none belongs, in bodies, queries, paths and headers.
    for service in platform.state.databases:
        desk.http.get(f"/{service}/{GIVEN}/{BORN}", params={"phone": PHONE, "email": EMAIL})
        desk.http.post(f"/{service}/{FAMILY}", json=record)
    desk.http.post("/directory/patients", json=record | {"birth_date": f"{BORN}T{EMAIL}", "extra": FAMILY})
    desk.http.get("/directory/facilities", params={"near": PHONE, "text": FAMILY})
    desk.http.post("/booking/appointments", json={"offer": EMAIL, "patient_id": FAMILY}, headers={"If-Match": GIVEN})
    desk.http.get("/booking/appointments", params={"patient_id": f"{GIVEN}\x00{FAMILY}"})
    desk.http.post("/auth/token", content=f'{{"username": "{EMAIL}", "password": "{GIVEN}"}}')
    assert platform.verb("demo").returncode == 0
    settle(platform.state)
    written = logs(platform.folder)
    assert {"booking.log", "directory.log", "gateway.log", "notifications.log", "emulator.log"} <= set(written)
    assert not found_in(written, PLANTED)


def test_the_demo_patients_are_in_no_log(platform: Running) -> None:
    people = platform.person("scheduler")
    record = people.get("/directory/patients/pat-000001")
    shown = (record["family_name"], record["birth_date"], record["email"], record["phone"])
    assert not found_in(logs(platform.folder), shown)


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "some.log").write_text(f'{{"event": "oops", "name": "{FAMILY.upper()}"}}\n')
    assert found_in(logs(tmp_path), PLANTED) == [("some.log", FAMILY)]


def logs(folder: Path) -> dict[str, str]:
    """Return every log below a platform's folder; PostgreSQL's lies beside its data."""
    assert Layout(folder).folder == folder.resolve()
    return {path.name: path.read_text("utf-8", errors="replace") for path in folder.rglob("*.log*") if path.is_file()}


def found_in(written: dict[str, str], words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return (log, word) for every word found, whatever its case."""
    return [(name, word) for name, text in written.items() for word in words if word.lower() in text.lower()]
