"""Interpreters: Spanish in the room at every facility, other languages in the room here and there and on a screen."""

from collections.abc import Sequence
from random import Random

from services.directory.domain.interpreters import WEEKDAYS, Interpreter
from services.directory.domain.records import Facility
from services.local.seeds.names import HERITAGES

# The languages most people with limited English speak at home (US Census Bureau, ACS table C16001), and signing.
REMOTE = ("es", "zh", "vi", "ko", "ru", "ar", "tl", "ht", "ase")
IN_THE_ROOM = ("zh", "vi", "ko", "ase")
HOURS = (("08:00", "17:00"), ("07:00", "16:00"), ("10:00", "19:00"))
REMOTE_ZONES = ("America/New_York", "America/Chicago", "America/Los_Angeles")
SEVERAL_PERCENT = 30


def interpreters(seed: int, facilities: Sequence[Facility]) -> tuple[Interpreter, ...]:
    """Return ``int-00001`` with Spanish at the first facility, one at each other, then those who work from afar."""
    there = [_interpreter(seed, n, facility.timezone, (facility.facility_id,)) for n, facility in enumerate(facilities)]
    places = [(language, zone) for language in REMOTE for zone in REMOTE_ZONES]
    afar = [_interpreter(seed, len(there) + n, zone, (), language) for n, (language, zone) in enumerate(places)]
    return (*there, *afar)


def _interpreter(seed: int, n: int, zone: str, facilities: tuple[str, ...], language: str = "") -> Interpreter:
    random = Random(f"{seed}:interpreter:{n}")
    heritage = random.choice(HERITAGES)
    languages = [language or "es"]
    if facilities and random.randrange(100) < SEVERAL_PERCENT:
        languages.append(random.choice(IN_THE_ROOM))
    starts, ends = ("08:00", "17:00") if n == 0 else random.choice(HOURS)
    return Interpreter(
        interpreter_id=f"int-{n + 1:05}",
        name=f"{random.choice(heritage.given)} {random.choice(heritage.family)}",
        languages=tuple(languages),
        facility_ids=facilities,
        remote=not facilities,
        timezone=zone,
        weekdays=WEEKDAYS if language else WEEKDAYS[:5],
        starts=starts,
        ends=ends,
    )
