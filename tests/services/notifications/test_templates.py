"""Every template says what it must and no more: by our linter, and by a second look that knows none of our code."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from itertools import product
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.errors import Invalid
from services.notifications.adapters.template_linter import lint
from services.notifications.adapters.templates import FOLDER, TemplateComposer, environment
from services.notifications.domain.gsm7 import septets
from services.notifications.domain.messages import Channel, Kind, Language

BOSTON = ZoneInfo("America/New_York")
ABOUT = UUID("0197a000-0000-7000-8000-0000000000e2")
COMPOSER = TemplateComposer("Careslot Health", "(617) 555-0100")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the templates to spoil."""
    return Path(shutil.copytree(FOLDER, tmp_path / "templates"))


def test_the_linter_finds_nothing() -> None:
    assert lint() == []


SMS = "en/reminder-3d.sms.j2"
GOOD = "{{ organization }}: reminder {{ when }}. Call {{ callback_phone }}. Reply STOP to opt out.\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (GOOD, None),
        (GOOD.replace("reminder", "reminder for {{ patient_name }}"), "may not use patient_name"),
        (GOOD.replace("{{ when }}", "soon"), "does not tell when"),
        (GOOD.replace("reminder", "cardiology visit"), "may not say 'cardiolog'"),
        (GOOD.replace("reminder", "Dr. Flores"), "may not say 'Dr'"),
        (GOOD.replace("reminder", "a free offer"), "may not say 'free'"),
        (GOOD.replace("reminder", "see https://x.example"), "may not say 'http'"),
        (GOOD.replace("Reply STOP to opt out.", ""), "does not say which word to reply with"),
        (GOOD.replace("STOP", "CANCEL"), "does not say which word to reply with"),
        (GOOD.replace("reminder", "reminder that you surely will not forget, will you, as it matters"), "of 160"),
        (GOOD.replace("reminder", "el sábado"), "not in the GSM 7-bit alphabet: á"),
        (GOOD.replace("{{ when }}", "{{ when | upper }}"), "not use Filter"),
        (GOOD.replace("{{ when }}", "{{ when.__class__ }}"), "not use Getattr"),
        (GOOD.replace("{{ when }}", "{% if when %}{{ when }}{% endif %}"), "not use If"),
        ("{% block body %}" + GOOD + "{% endblock %}", "a text has none"),
        (GOOD + "{{ oops", "is not a template"),
    ],
)
def test_the_linter_finds_each_fault(folder: Path, text: str, fault: str | None) -> None:
    (folder / SMS).write_text(text, "utf-8")
    found = lint(folder)
    if fault is None:
        assert found == []
    else:
        assert any(line.startswith(f"{SMS}: ") and fault in line for line in found), found


def test_the_linter_misses_a_language_and_a_stray(folder: Path) -> None:
    (folder / "es" / "moved.email.j2").rename(folder / "es" / "postponed.email.j2")
    assert lint(folder) == [
        "es/moved.email.j2: is missing",
        "es/postponed.email.j2: belongs to no kind, channel and language",
    ]


def test_a_mail_needs_a_subject(folder: Path) -> None:
    (folder / "en/moved.email.j2").write_text(GOOD, "utf-8")
    assert "en/moved.email.j2: an e-mail has the blocks subject and body, a text has none" in lint(folder)


@pytest.mark.parametrize(("kind", "language"), [*product(Kind, Language)])
def test_a_second_look_at_every_text_and_mail(kind: Kind, language: Language) -> None:
    """Read the files with jinja2 alone and judge them by the letter of the rules, in other words than the linter's."""
    plain = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    values = {"organization": "W" * 40, "when": "Wed, Sep 30, 12:30 PM +0530", "callback_phone": "+1 617-555-01000"}
    text = (FOLDER / language / f"{kind}.sms.j2").read_text("utf-8").strip()
    said = plain.from_string(text).render(values)
    assert len(said) <= 160
    # The overlap of GSM 03.38 with Latin-1, as its table lists it.
    assert re.fullmatch(r"[A-Za-z0-9 @£$¥èéùìòÇØøÅåÆæßÉ!\"#¤%&'()*+,\-./:;<=>?¡ÄÖÑÜ§¿äöñüà_]+", said)
    assert re.search(r"\b(Reply|Responda) STOP (to|para)\b", said)
    mail = (FOLDER / language / f"{kind}.email.j2").read_text("utf-8")
    for source in (text, mail):
        for variable in values.keys() - ({"when"} if kind is Kind.DISCREET else set()):
            assert re.search(r"\{\{ " + variable + r" \}\}", source), f"{variable} is not told"
        allowed = {*values, "link"} if kind in {Kind.OFFER, Kind.DISRUPTION} and source is mail else {*values}
        assert set(re.findall(r"\{\{(.*?)\}\}", source)) <= {f" {variable} " for variable in allowed}
        assert set(re.findall(r"\{%(.*?)%\}", source)) <= {" block subject ", " block body ", " endblock "}
    prose = re.sub(r"\{[{%].*?[%}]\}", "", text + mail).lower()
    for stem in (
        "doctor",
        "clinic",
        "specialt",
        "especial",
        "médico",
        "visit",
        "consulta",
        "paciente",
        "patient",
        "name",
    ):
        assert stem not in prose


@pytest.mark.parametrize(("kind", "channel", "language"), [*product(Kind, Channel, Language)])
def test_every_template_renders(kind: Kind, channel: Channel, language: Language) -> None:
    composed = COMPOSER.compose(kind, channel, language, datetime(2027, 9, 29, 12, 30, tzinfo=BOSTON), ABOUT)
    for said in ("Careslot Health", "(617) 555-0100"):
        assert said in composed.body
    timed = kind is not Kind.DISCREET
    assert ("12:30 PM EDT" in composed.body) == timed
    dates = {
        (Language.EN, Channel.SMS): "Wed, Sep 29,", (Language.EN, Channel.EMAIL): "Wednesday, September 29, 2027",
        (Language.ES, Channel.SMS): "mié 29 sep,", (Language.ES, Channel.EMAIL): "miércoles, 29 de septiembre de 2027",
    }  # fmt: skip
    assert (dates[language, channel] in composed.body) == timed
    assert "\n" not in composed.subject
    assert bool(composed.subject) == (channel is Channel.EMAIL)


def test_the_two_languages_differ() -> None:
    at = datetime(2027, 1, 9, 14, 0, tzinfo=BOSTON)
    for kind, channel in product(Kind, Channel):
        told = [COMPOSER.compose(kind, channel, language, at, ABOUT) for language in Language]
        assert told[0] != told[1]


@given(
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1),
    st.sampled_from(Kind), st.sampled_from(Language), st.datetimes(datetime(2025, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001
)  # fmt: skip
def test_a_text_fits_whatever_the_organization_is_called(
    name: str, kind: Kind, language: Language, at: datetime
) -> None:
    try:
        composer = TemplateComposer(name, "+16175550100")
    except Invalid:
        return
    body = composer.compose(kind, Channel.SMS, language, at.replace(tzinfo=BOSTON), ABOUT).body
    assert septets(body) <= 160


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "€" * 21, "Two\nLines"])
def test_an_organization_that_leaves_no_room_is_refused_at_start(name: str) -> None:
    with pytest.raises(Invalid, match="organization must be one line of 1 to 40"):
        TemplateComposer(name, "+16175550100")


def test_a_phone_that_leaves_no_room_is_refused_at_start() -> None:
    with pytest.raises(Invalid, match="callback phone"):
        TemplateComposer("Careslot", "call us any day under 617-555-0100")


@pytest.mark.parametrize(
    ("source", "error"),
    [("{{ unknown }}", jinja2.UndefinedError), ("{{ ''.__class__.__mro__ }}", jinja2.exceptions.SecurityError)],
)
def test_a_template_can_do_nothing_else(source: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        environment().from_string(source).render()


def test_only_mails_about_a_choice_have_a_link_and_it_tells_nothing() -> None:
    at = datetime(2027, 9, 29, 12, 30, tzinfo=BOSTON)
    composer = TemplateComposer("Careslot Health", "(617) 555-0100", portal_url="https://portal.example/")
    for kind, channel, language in product(Kind, Channel, Language):
        links = re.findall(r"https?://\S+", composer.compose(kind, channel, language, at, ABOUT).body)
        pages = {Kind.OFFER: "offers", Kind.DISRUPTION: "alternatives"} if channel is Channel.EMAIL else {}
        assert links == ([f"https://portal.example/{pages[kind]}/{ABOUT}"] if kind in pages else [])
