"""Whom to tell and what they want: the minimum of the directory's record, consent, and who may act for them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.notifications.domain.messages import Channel, Kind, Language


class Topic(StrEnum):
    """What consent is given for. Everything about an appointment has the topic ``reminders``.

    Reminders of care are treatment and sent to the number the patient gave (45 CFR 164.506(c), 47 CFR
    64.1200(a)(9)(iv)): allowed until refused. Offers need to be asked for; marketing needs an authorization
    (45 CFR 164.508(a)(3)).
    """

    REMINDERS = "reminders"
    OFFERS = "offers"
    MARKETING = "marketing"


TOPICS: dict[Kind, Topic] = {Kind.OFFER: Topic.OFFERS}


def topic_of(kind: Kind) -> Topic:
    """Return what the patient must have agreed to before a message of this kind is sent."""
    return TOPICS.get(kind, Topic.REMINDERS)


CONSENT_BY_DEFAULT: dict[Topic, bool] = {Topic.REMINDERS: True, Topic.OFFERS: False, Topic.MARKETING: False}


@dataclass(frozen=True, slots=True)
class Recipient:
    """How a patient can be reached. No name, no date of birth: no message needs them (45 CFR 164.502(b)).

    ``email`` and ``phone`` (E.164) are empty where there is none; ``timezone`` is an IANA name. ``returned``: there was
    an address, and mail to it came back or was not wanted.
    """

    patient_id: str
    version: int
    email: str
    phone: str
    language: Language
    timezone: str
    active: bool
    returned: bool = False


@dataclass(frozen=True, slots=True)
class FacilityZone:
    """Where a facility's clocks stand. Its name is not kept: it may tell the specialty ("... Cancer Center")."""

    facility_id: str
    version: int
    timezone: str


@dataclass(frozen=True, slots=True)
class Proxy:
    """``person`` may act for ``patient_id`` while ``active`` and before ``expires_at``."""

    proxy_id: str
    version: int
    patient_id: str
    person: str
    expires_at: datetime
    active: bool


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a patient wants; ``version`` 0 stands for someone who never said anything.

    ``channels`` is in order of preference; ``language`` and ``timezone`` of None mean "as the directory says".
    ``opted_out`` stops everything, whatever the topic.
    """

    patient_id: str
    version: int = 0
    channels: tuple[Channel, ...] = (Channel.EMAIL, Channel.SMS)
    language: Language | None = None
    timezone: str | None = None
    consent: dict[Topic, bool] = field(default_factory=lambda: dict(CONSENT_BY_DEFAULT))
    opted_out: bool = False

    @property
    def takes_offers(self) -> bool:
        """Whether they may be offered anything: express consent, and no opt-out."""
        return self.consent.get(Topic.OFFERS, False) and not self.opted_out

    def language_for(self, recipient: Recipient) -> Language:
        """Return the language to write in."""
        return self.language or recipient.language

    def timezone_for(self, recipient: Recipient) -> str:
        """Return the zone whose quiet hours count."""
        return self.timezone or recipient.timezone
