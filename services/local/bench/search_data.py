"""A health system of the greatest size the platform is meant for, as rows of availability's database.

1,200 facilities around 30 cities, 12,000 clinicians of 60 specialties (a few large, many small), 90 days of 20 slots:
21.6 million slots, of which about three in ten are taken, the near days most. One clinician in twenty is overbooked two
deep, half have a visit length of their own, one in four sees patients in a room. Made by PostgreSQL itself, the same
every time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from services.availability.adapters.zip_centroids import PackagedZipCentroids

# A ZIP code in the middle of each city, and its zone.
CITIES = (
    ("10016", "America/New_York"), ("90033", "America/Los_Angeles"), ("60611", "America/Chicago"),
    ("77030", "America/Chicago"), ("85006", "America/Phoenix"), ("19104", "America/New_York"),
    ("78205", "America/Chicago"), ("92103", "America/Los_Angeles"), ("75246", "America/Chicago"),
    ("95128", "America/Los_Angeles"), ("78701", "America/Chicago"), ("32209", "America/New_York"),
    ("43215", "America/New_York"), ("46202", "America/Indiana/Indianapolis"), ("28203", "America/New_York"),
    ("98104", "America/Los_Angeles"), ("80204", "America/Denver"), ("20010", "America/New_York"),
    ("02118", "America/New_York"), ("37203", "America/Chicago"), ("48201", "America/Detroit"),
    ("73104", "America/Chicago"), ("97239", "America/Los_Angeles"), ("89102", "America/Los_Angeles"),
    ("38103", "America/Chicago"), ("40202", "America/New_York"), ("21287", "America/New_York"),
    ("53233", "America/Chicago"), ("87106", "America/Denver"), ("33136", "America/New_York"),
)  # fmt: skip
SPECIALTIES = 60
CLINICIANS_A_FACILITY = 10
SLOTS_A_DAY = 20
CHUNK = 250
Progress = Callable[[str], None]

_FILL = """
    WITH staff AS (
        SELECT clinician_id, facility_ids[1] AS facility_id, specialty, right(clinician_id, 5)::integer AS number
        FROM clinician WHERE clinician_id > %(after)s ORDER BY clinician_id LIMIT %(chunk)s
    ), hours AS (
        SELECT s.*, d::date AS day, CASE number %% 2 WHEN 0 THEN 30 ELSE 20 END AS grid,
            (d::date + (7 + number %% 3) * interval '1 hour') AT TIME ZONE f.timezone AS starts_at,
            CASE number %% 20 WHEN 7 THEN 2 ELSE 1 END AS depth,
            CASE number %% 4 WHEN 3 THEN 'room-' || number ELSE '' END AS room_id
        FROM staff s JOIN facility f USING (facility_id),
            generate_series(current_date, current_date + %(days)s - 1, interval '1 day') AS d
    ), opened AS (
        INSERT INTO working_session (clinician_id, starts_at, template_id, ends_at, anchor_at, day, facility_id,
            room_id, specialty, grid_minutes, depth, visit_types, layer)
        SELECT clinician_id, starts_at, 'weekly', starts_at + 20 * grid * interval '1 minute', starts_at, day,
            facility_id, room_id, specialty, grid, depth, '{}', 0
        FROM hours
    )
    INSERT INTO busy (appointment_id, version, clinician_id, facility_id, room_id, starts_at, ends_at, lane, live,
        expires_at)
    SELECT 'bench-' || clinician_id || to_char(day, '-YYMMDD-') || slot || '-' || lane, 1, clinician_id, facility_id,
        room_id, starts_at + slot * grid * interval '1 minute', starts_at + (slot + 1) * grid * interval '1 minute',
        lane, random() < 0.98, CASE WHEN random() < 0.001 THEN now() + interval '10 minutes' END
    FROM hours, generate_series(0, 19) AS slot, generate_series(0, depth - 1) AS lane
    WHERE random() < 0.86 * exp((current_date - day) / 32.0) * (1 - lane * 0.6)
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How large the system is."""

    clinicians: int
    days: int = 90

    @property
    def slots(self) -> int:
        """Slots, open and taken."""
        return self.clinicians * self.days * SLOTS_A_DAY


def shares() -> list[float]:
    """Return the part of all clinicians that each specialty has: the n-th a n-th of the first."""
    weights = [1 / (number + 1) for number in range(SPECIALTIES)]
    return [weight / sum(weights) for weight in weights]


def specialty_of(number: int) -> str:
    """Return the code of the specialty with this number, the largest first."""
    return f"specialty-{number:02}"


def fill(dsn: str, size: Size, progress: Progress) -> None:
    """Fill an empty database of availability's; blocking. ``progress`` is told how far it is."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute("SELECT setseed(0.5)")
        _directory(connection, size)
        after, done = "", 0
        # Nobody reads the changes of a first filling, and writing them would double it.
        for table in ("working_session", "busy"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.commit()
        while done < size.clinicians:
            connection.execute(_FILL, {"after": after, "chunk": CHUNK, "days": size.days})
            connection.commit()
            done = min(size.clinicians, done + CHUNK)
            after = f"cln-{done - 1:05}"
            progress(f"{done * size.days * SLOTS_A_DAY:,} of {size.slots:,} slots")
        for table in ("working_session", "busy"):
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        connection.commit()
    with psycopg.connect(dsn, autocommit=True) as connection:
        progress("statistics")
        connection.execute("SET statement_timeout = 0")
        connection.execute("VACUUM ANALYZE")


def _directory(connection: psycopg.Connection[tuple[object, ...]], size: Size) -> None:
    zips = PackagedZipCentroids()
    facilities = max(1, size.clinicians // CLINICIANS_A_FACILITY)
    with connection.cursor() as cursor:
        with cursor.copy("COPY facility FROM STDIN") as copy:
            for number in range(facilities):
                code, zone = CITIES[number % len(CITIES)]
                center = zips.find(code)
                assert center is not None, code
                # Scattered over some 90 km, the same way every time.
                east, north = number * 0.6180339887 % 1 - 0.5, number * 0.7548776662 % 1 - 0.5
                copy.write_row((
                    f"fac-{number:04}", 1, f"Clinic {number}", center.latitude + 0.8 * north,
                    center.longitude + 0.8 * east, zone, True,
                ))  # fmt: skip
        bounds, total = [], 0.0
        for share in shares():
            total += share
            bounds.append(total)
        with cursor.copy("COPY clinician FROM STDIN") as copy:
            for number in range(size.clinicians):
                place = number * 0.5698402910 % 1
                chosen = next((n for n, bound in enumerate(bounds) if place < bound), SPECIALTIES - 1)
                languages = ["en", "es"] if number % 3 == 0 else ["en"]
                copy.write_row((
                    f"cln-{number:05}", 1, f"Dr. {number}", specialty_of(chosen), languages,
                    [f"fac-{number % facilities:04}"], True,
                ))  # fmt: skip
        with cursor.copy("COPY visit_type FROM STDIN") as copy:
            for number in range(SPECIALTIES):
                for kind, minutes in (("follow-up", 20), ("new-patient", 40)):
                    copy.write_row((f"{specialty_of(number)}-{kind}", 1, specialty_of(number), minutes, True))
        cursor.execute(
            "INSERT INTO schedule (clinician_id, version, known_until) "
            "SELECT clinician_id, 1, current_date + 400 FROM clinician"
        )
        cursor.execute(
            "INSERT INTO visit_length (clinician_id, visit_type, minutes) "
            "SELECT clinician_id, specialty || '-follow-up', 30 FROM clinician "
            "WHERE right(clinician_id, 1) IN ('0', '2', '4', '6', '8')"
        )
