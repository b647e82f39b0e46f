"""Schedules on the command line: an operator gives a facility its weekly hours in one line."""

import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated

import typer

from services.availability.adapters.platform_client import PlatformClient
from services.availability.domain.templates import WEEK, Weekday

DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_CLINICIANS = 3
MOST_CLINICIANS = 500
PATIENCE_SECONDS = 15.0
NAMES = ("Alex Rivera", "Sam Okafor", "Robin Chen", "Jordan Novak", "Casey Haddad", "Morgan Silva")


def verbs() -> typer.Typer:
    """Return the group ``schedule``."""
    schedule = typer.Typer(help="Schedules of clinicians.", no_args_is_help=True)
    # Without a callback, Typer would fold a group with one verb into the verb.
    schedule.callback()(_group)
    schedule.command("give")(give)
    return schedule


def _group() -> None:
    """Schedules of clinicians."""


def give(
    facility: Annotated[str, typer.Option(help="Facility id, such as fac-0001 or ccn-050123.")],
    clinician: Annotated[list[str] | None, typer.Option(help="A clinician's id; may be repeated.")] = None,
    clinicians: Annotated[
        int | None, typer.Option(min=1, max=MOST_CLINICIANS, help="How many; made up if there are not enough.")
    ] = None,
    days: Annotated[str, typer.Option(help="Weekdays: mon-fri, or mon,wed,fri.")] = "mon-fri",
    starts: Annotated[str, typer.Option("--from", help="Wall clock of the facility.")] = "08:00",
    ends: Annotated[str, typer.Option("--to", help="Wall clock; at or before --from is the next day.")] = "17:00",
    grid: Annotated[int, typer.Option(min=5, max=240, help="Minutes between possible starts.")] = 20,
    specialty: Annotated[str, typer.Option(help="Of clinicians that are made up.")] = "family-medicine",
    url: Annotated[str, typer.Option(envvar="CARESLOT_URL", help="The platform's gateway.")] = DEFAULT_URL,
    token: Annotated[
        str, typer.Option(envvar="CARESLOT_TOKEN", help="Token of an administrator: `careslot token` prints one.")
    ] = "",
) -> None:
    """Give clinicians of a facility their weekly hours; giving them again changes nothing but the hours."""
    import httpx

    if clinician and clinicians:
        raise typer.BadParameter("name clinicians or say how many, not both", param_hint="--clinicians")
    if not token:
        raise typer.BadParameter("sign in first: set CARESLOT_TOKEN or pass --token", param_hint="--token")
    template = {
        "facility_id": facility,
        "weekdays": parse_days(days),
        "starts": starts,
        "ends": ends,
        "grid_minutes": grid,
        "valid_from": f"{date.today():%Y-%m-%d}",  # noqa: DTZ011 -- the operator's own day
    }
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=15) as client:
        platform = PlatformClient(client)
        name = platform.facility(facility)["name"]
        chosen = clinician or _staff(platform, facility, clinicians, specialty)
        for clinician_id in chosen:
            platform.give(clinician_id, template)
        typer.echo(f"{len(chosen)} clinicians work {days} {starts} to {ends} at {name}")
        for reason in _settle(platform, chosen):
            typer.echo(f"no slots yet: {reason}", err=True)
    typer.echo(f"their slots: GET {url}/availability/slots?facility={facility}&clinician={chosen[0]}")


def parse_days(text: str) -> list[str]:
    """Read ``mon-fri`` or ``mon,wed,fri`` (ranges may wrap round the week); raise BadParameter otherwise."""
    found: set[Weekday] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        try:
            start, end = WEEK.index(Weekday(first)), WEEK.index(Weekday(last or first))
        except ValueError:
            raise typer.BadParameter(
                f"'{part}' is not a weekday or a range of them: {', '.join(WEEK)}", param_hint="--days"
            ) from None
        found |= {WEEK[(start + step) % 7] for step in range((end - start) % 7 + 1)}
    return [day.value for day in WEEK if day in found]


def _staff(platform: PlatformClient, facility: str, wanted: int | None, specialty: str) -> Sequence[str]:
    """Return clinicians of the facility, made up as far as there are too few."""
    found = list(platform.clinicians_at(facility, wanted or MOST_CLINICIANS))
    missing = (wanted - len(found)) if wanted else (0 if found else DEFAULT_CLINICIANS)
    number = 0
    while missing > 0:
        number += 1
        clinician_id = f"cln-{facility[:50]}-{number:03}"
        if clinician_id in found:
            continue
        record = {
            "name": f"Dr. {NAMES[number % len(NAMES)]} {number}",
            "specialty": specialty,
            "languages": ["en", "es"] if number % 2 else ["en"],
            "facility_ids": [facility],
            "active": True,
        }
        if platform.register(clinician_id, record):
            typer.echo(f"registered {clinician_id} ({specialty}), a made-up clinician")
            found.append(clinician_id)
            missing -= 1
    return found


def _settle(
    platform: PlatformClient, clinician_ids: Sequence[str], wait: Callable[[float], None] = time.sleep
) -> Sequence[str]:
    """Wait until the last schedule has its slots; return what it still waits for when patience ends."""
    reasons: Sequence[str] = ()
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        reasons = platform.schedule(clinician_ids[-1])["waiting_for"]
        if not reasons:
            return ()
        wait(0.5)
    return reasons
