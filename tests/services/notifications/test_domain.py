"""The rules: quiet hours, limits of texts, cadence, opt-out words, the alphabet of texts, dates in words."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.cadence import reminders
from services.notifications.domain.gsm7 import BASIC, EXTENSION, NotGsm7Error, septets, to_gsm7
from services.notifications.domain.messages import Channel, Kind, Language
from services.notifications.domain.opt_out import OPT_OUT_WORDS, is_opt_out
from services.notifications.domain.quiet_hours import due_outside, is_quiet, next_allowed
from services.notifications.domain.texting import next_text_at
from services.notifications.domain.wording import local_time

# Every rule of the United States, and places with odd offsets or odd clock changes.
ZONES = [
    "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles",
    "America/Anchorage", "America/Adak", "Pacific/Honolulu", "America/Puerto_Rico", "Pacific/Guam",
    "Pacific/Pago_Pago", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham",
    "Pacific/Kiritimati", "Africa/Casablanca", "Europe/Dublin", "Pacific/Apia",
]  # fmt: skip
zones = st.sampled_from(ZONES).map(ZoneInfo)
instants = st.datetimes(datetime(2010, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
MINUTE = timedelta(minutes=1)
NEW_YORK = ZoneInfo("America/New_York")


@given(instants, zones)
def test_quiet_hours_are_21_to_8_on_the_recipients_clock(at: datetime, zone: ZoneInfo) -> None:
    wall = at.astimezone(zone).time()
    assert is_quiet(at, zone) == (not time(8) <= wall < time(21))


@given(instants, zones)
def test_what_is_due_in_quiet_hours_moves_to_their_very_end(at: datetime, zone: ZoneInfo) -> None:
    moved = next_allowed(at, zone)
    assert moved >= at
    assert not is_quiet(moved, zone)
    if is_quiet(at, zone):
        assert is_quiet(moved - MINUTE, zone), "a minute earlier would have been allowed too"
        assert moved.astimezone(zone).time() == time(8)
    else:
        assert moved == at
    assert next_allowed(moved, zone) == moved


@given(instants, zones, st.integers(0, 60 * 40))
def test_nothing_is_due_after_the_visit(at: datetime, zone: ZoneInfo, minutes: int) -> None:
    visit = at + timedelta(minutes=minutes)
    due = due_outside(at, zone, visit)
    assert due is None or at <= due < visit
    if due is None:
        assert next_allowed(at, zone) >= visit


def test_quiet_hours_are_not_the_servers() -> None:
    at = datetime(2027, 1, 5, 2, 30, tzinfo=UTC)
    assert is_quiet(at, NEW_YORK)  # 21:30
    assert not is_quiet(at, ZoneInfo("America/Los_Angeles"))  # 18:30
    assert next_allowed(at, NEW_YORK) == datetime(2027, 1, 5, 13, 0, tzinfo=UTC)


def test_the_morning_is_at_eight_also_when_clocks_change_in_the_night() -> None:
    spring = datetime(2027, 3, 14, 3, 0, tzinfo=UTC)  # 22:00 EST on the 13th
    assert next_allowed(spring, NEW_YORK) == datetime(2027, 3, 14, 12, 0, tzinfo=UTC)  # 08:00 EDT
    autumn = datetime(2027, 11, 7, 3, 0, tzinfo=UTC)  # 23:00 EDT on the 6th
    assert next_allowed(autumn, NEW_YORK) == datetime(2027, 11, 7, 13, 0, tzinfo=UTC)  # 08:00 EST


@given(instants, zones, zones, st.integers(-60 * 24 * 3, 60 * 24 * 30))
def test_reminders_come_before_the_visit_outside_quiet_hours_and_not_from_the_past(
    now: datetime, visit: ZoneInfo, recipient: ZoneInfo, minutes: int
) -> None:
    start = now + timedelta(minutes=minutes)
    planned = reminders(start, visit, recipient, now)
    assert [due for _, due in planned] == sorted(due for _, due in planned)
    for kind, due in planned:
        days = int(kind.removeprefix("reminder-").removesuffix("d"))
        assert now < due < start
        assert not is_quiet(due, recipient)
        # On the visit's clocks a day before is a day before; quiet hours last eleven hours, a change of clocks one,
        # and Samoa once lost a whole day.
        early = start.astimezone(visit).replace(tzinfo=None) - due.astimezone(visit).replace(tzinfo=None)
        assert timedelta(days=days - 1, hours=11) <= early <= timedelta(days=days, hours=25)
    due_kinds = {kind for kind, _ in planned}
    for kind, days in ((Kind.REMINDER_7D, 7), (Kind.REMINDER_3D, 3), (Kind.REMINDER_1D, 1)):
        if start - now > timedelta(days=days + 1, hours=2):
            assert kind in due_kinds
        if start - now < timedelta(days=days - 1, hours=-2):
            assert kind not in due_kinds


def test_cadence_keeps_the_visits_hour_over_a_change_of_clocks() -> None:
    start = datetime(2027, 3, 16, 18, 0, tzinfo=UTC)  # Tuesday 14:00 EDT; clocks changed on Sunday
    now = datetime(2027, 3, 1, tzinfo=UTC)
    assert reminders(start, NEW_YORK, NEW_YORK, now) == (
        (Kind.REMINDER_7D, datetime(2027, 3, 9, 19, 0, tzinfo=UTC)),
        (Kind.REMINDER_3D, datetime(2027, 3, 13, 19, 0, tzinfo=UTC)),
        (Kind.REMINDER_1D, datetime(2027, 3, 15, 18, 0, tzinfo=UTC)),
    )


def test_a_reminder_whose_time_is_past_is_not_made() -> None:
    start = datetime(2027, 3, 16, 18, 0, tzinfo=UTC)
    at_the_minute = datetime(2027, 3, 13, 19, 0, tzinfo=UTC)
    assert [kind for kind, _ in reminders(start, NEW_YORK, NEW_YORK, at_the_minute)] == [Kind.REMINDER_1D]
    assert [kind for kind, _ in reminders(start, NEW_YORK, NEW_YORK, at_the_minute - MINUTE)] == [
        Kind.REMINDER_3D, Kind.REMINDER_1D,
    ]  # fmt: skip


@given(st.lists(instants, max_size=12), instants, zones)
def test_texts_keep_one_a_day_three_a_week_and_quiet_hours(
    offers: list[datetime], first: datetime, zone: ZoneInfo
) -> None:
    sent: list[datetime] = []
    for offset in range(len(offers)):
        at = next_text_at(sent, first + timedelta(hours=5 * offset), zone)
        assert not is_quiet(at, zone)
        sent.append(at)
    days = [at.astimezone(zone).date() for at in sent]
    assert len(set(days)) == len(days)
    for day in days:
        assert sum(day - timedelta(days=7) < other <= day for other in days) <= 3


def test_the_first_text_need_not_wait() -> None:
    noon = datetime(2027, 1, 4, 17, 0, tzinfo=UTC)
    assert next_text_at([], noon, NEW_YORK) == noon
    assert next_text_at([noon - timedelta(hours=3)], noon, NEW_YORK) == datetime(2027, 1, 5, 13, 0, tzinfo=UTC)
    week = [noon - timedelta(days=days) for days in (6, 4, 2)]
    assert next_text_at(week, noon, NEW_YORK) == datetime(2027, 1, 5, 13, 0, tzinfo=UTC)
    assert next_text_at(week[1:], noon, NEW_YORK) == noon


@given(
    st.sampled_from(sorted(OPT_OUT_WORDS)), st.sampled_from(["", " ", "\t", ".", "!!", " - "]), st.integers(0, 2**12)
)
def test_opt_out_words_are_understood_however_they_are_written(word: str, around: str, lower: int) -> None:
    written = "".join(c.lower() if lower >> place & 1 else c for place, c in enumerate(word))
    assert is_opt_out(f"{around}{written}{around}")


@pytest.mark.parametrize("text", ["opt-out", "Optout", "Opt  Out.", "ＳＴＯＰ", "«stop»", "end\n"])
def test_opt_out_in_other_spellings(text: str) -> None:
    assert is_opt_out(text)


@pytest.mark.parametrize("text", ["CANCEL", "cancel", "please don't stop", "stop by at 5?", "", "unstoppable", "ends"])
def test_other_replies_are_for_a_person(text: str) -> None:
    assert not is_opt_out(text)


@given(st.text())
def test_whatever_comes_in_fits_the_alphabet_of_texts(text: str) -> None:
    fitted = to_gsm7(text)
    assert septets(fitted) >= len(fitted)
    assert to_gsm7(fitted) == fitted


@given(st.text(alphabet=sorted(BASIC | EXTENSION)))
def test_what_fits_stays_as_it_is(text: str) -> None:
    assert to_gsm7(text) == text
    assert septets(text) == len(text) + sum(c in "\f^{}\\[~]|€" for c in text)


def test_spanish_loses_only_the_accents_that_cost_half_the_text() -> None:
    assert to_gsm7("sábado José Núñez ¿está allí?") == "sabado José Nuñez ¿esta alli?"
    assert to_gsm7("Cañón – “Salud”…") == 'Cañon - "Salud"...'
    with pytest.raises(NotGsm7Error, match="á"):
        septets("sábado")


def test_dates_in_words() -> None:
    noon = datetime(2027, 1, 9, 12, 5, tzinfo=NEW_YORK)
    assert local_time(noon, Language.EN, Channel.SMS) == "Sat, Jan 9, 12:05 PM EST"
    assert local_time(noon, Language.ES, Channel.SMS) == "sáb 9 ene, 12:05 PM EST"
    assert local_time(noon, Language.EN, Channel.EMAIL) == "Saturday, January 9, 2027 at 12:05 PM EST"
    assert local_time(noon, Language.ES, Channel.EMAIL) == "sábado, 9 de enero de 2027, 12:05 PM EST"
    assert "12:30 AM" in local_time(noon.replace(hour=0, minute=30), Language.EN, Channel.SMS)


@given(st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001
def test_english_dates_are_what_the_c_locale_says(at: datetime) -> None:
    local = at.replace(tzinfo=NEW_YORK)
    said = local_time(local, Language.EN, Channel.EMAIL)
    assert said.startswith(local.strftime("%A, %B ")) and local.strftime(", %Y at ") in said
    assert local.strftime("%I:%M %p %Z").lstrip("0") in said
