"""Templates in files, rendered in a sandbox: a template can name its three variables and do nothing else."""

from datetime import datetime
from pathlib import Path
from uuid import UUID

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.kernel.errors import Invalid
from services.notifications.domain.gsm7 import septets, to_gsm7
from services.notifications.domain.messages import Channel, Composed, Kind, Language
from services.notifications.domain.wording import local_time

FOLDER = Path(__file__).resolve().parent.parent / "templates"
# What a message may say (45 CFR 164.502(b); HHS FAQ 198: "leaving only its name and number and other information
# necessary to confirm an appointment"). Never specialty, clinician, visit type or the patient's name.
WHEN = "when"
VARIABLES = frozenset({"organization", WHEN, "callback_phone"})
# The links we send: to an offer, to the alternatives of a disrupted visit, each by an id that tells nothing. In mails
# only: links in texts are how they are forged.
LINK = "link"
LINKED = {Kind.OFFER: "offers", Kind.DISRUPTION: "alternatives"}
# Room the texts leave for the two that are configured, in GSM 7-bit characters.
ORGANIZATION_ROOM = 40
PHONE_ROOM = 16
PORTAL_URL = "https://portal.careslot.example"


def environment(folder: Path = FOLDER) -> ImmutableSandboxedEnvironment:
    """Return the environment templates are read in. Texts and mails are plain text: nothing is HTML-escaped."""
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folder), undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False
    )


def variables_of(kind: Kind, channel: Channel) -> frozenset[str]:
    """Return what a template must name, and may."""
    if kind is Kind.DISCREET:
        return VARIABLES - {WHEN}
    return VARIABLES | {LINK} if kind in LINKED and channel is Channel.EMAIL else VARIABLES


def name_of(kind: Kind, channel: Channel, language: Language) -> str:
    """Return a template's file name, relative to the folder."""
    return f"{language}/{kind}.{channel}.j2"


class TemplateComposer:
    """Composes from the files; ``organization`` and ``callback_phone`` are the same in every message.

    ``portal_url`` is where patients sign in, without a final stroke.
    """

    def __init__(
        self, organization: str, callback_phone: str, folder: Path = FOLDER, *, portal_url: str = PORTAL_URL
    ) -> None:
        self._portal_url = portal_url.rstrip("/")
        _require_room("organization", organization, ORGANIZATION_ROOM)
        _require_room("callback phone", callback_phone, PHONE_ROOM)
        self._values = {"organization": organization, "callback_phone": callback_phone}
        self._environment = environment(folder)

    def compose(self, kind: Kind, channel: Channel, language: Language, starts_at: datetime, about: UUID) -> Composed:
        """Return the words; ``starts_at`` is in the zone of the visit, ``about`` the id of its subject."""
        template = self._environment.get_template(name_of(kind, channel, language))
        values = {**self._values, WHEN: local_time(starts_at, language, channel)}
        if LINK in variables_of(kind, channel):
            values[LINK] = f"{self._portal_url}/{LINKED[kind]}/{about}"
        if channel is Channel.SMS:
            return Composed("", to_gsm7(template.render(values).strip()))
        context = template.new_context(values)
        subject, body = ("".join(template.blocks[part](context)).strip() for part in ("subject", "body"))
        return Composed(subject, body + "\n")


def _require_room(what: str, value: str, room: int) -> None:
    if not value.strip() or "\n" in value or "\r" in value or septets(to_gsm7(value)) > room:
        raise Invalid(f"The {what} must be one line of 1 to {room} characters: a text holds 160 in all.")
