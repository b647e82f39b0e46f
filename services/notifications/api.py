"""Preferences and the delivery ledger over HTTP."""

import re
from datetime import datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

from services.kernel.errors import PreconditionRequired
from services.kernel.http import GateDep, guard
from services.notifications.domain.messages import Channel, Kind, Language, MessageRecord, State
from services.notifications.domain.people import Preferences, Topic
from services.notifications.usecases.preferences import PreferenceDesk

router = APIRouter(tags=["notifications"])
_ETAG = re.compile(r'"(\d{1,18})"')

PatientId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="the directory's patient id")]


class Consent(BaseModel):
    """What the patient agreed to, by topic; ``reminders`` covers everything about their own appointments."""

    model_config = ConfigDict(extra="forbid")

    reminders: bool = True
    offers: bool = False
    marketing: bool = False


class PreferencesBody(BaseModel):
    """How a patient wants to be reached. Channels in order of preference; null means "as the directory says"."""

    model_config = ConfigDict(extra="forbid")

    channels: tuple[Channel, ...] = Field(
        max_length=len(Channel), description="in order of preference; none: no messages"
    )
    language: Language | None = None
    timezone: str | None = Field(default=None, max_length=64, description="IANA zone whose quiet hours count")
    consent: Consent = Consent()
    opted_out: bool = Field(default=False, description="no messages at all")

    @field_validator("channels")
    @classmethod
    def _each_once(cls, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
        if len(set(channels)) != len(channels):
            raise ValueError("name each channel once")
        return channels

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, timezone: str | None) -> str | None:
        if timezone is not None and timezone not in available_timezones():
            raise ValueError("not an IANA time zone, such as America/Chicago")
        return timezone


class PreferencesView(PreferencesBody):
    """Preferences as kept; ``version`` 0 stands for someone who never said anything. The ETag is the version."""

    patient_id: str
    version: int


class LedgerLine(BaseModel):
    """One thing that happened to a message."""

    state: State
    at: datetime
    channel: str
    reason: str


class MessageView(BaseModel):
    """A message, planned or past. No contact details, no words: they follow from kind, channel and language."""

    message_id: UUID
    appointment_id: UUID
    kind: Kind
    state: State
    due_at: datetime
    starts_at: datetime
    channel: Channel | None
    language: Language | None
    reason: str
    ledger: tuple[LedgerLine, ...]


class MessagePage(BaseModel):
    """Messages, newest first; ``next`` is the ``before`` of the following page, null on the last."""

    items: tuple[MessageView, ...]
    next: UUID | None
    email_returned: bool = Field(
        description="mail to the address on file came back or was not wanted: none is sent there any more"
    )


async def _desk(request: Request) -> PreferenceDesk:
    desk: PreferenceDesk = request.app.state.notifications
    return desk


Desk = Annotated[PreferenceDesk, Depends(_desk)]


@router.get("/patients/{patient_id}/preferences", **guard("read-preferences", 404, 422))
async def read_preferences(patient_id: PatientId, desk: Desk, gate: GateDep, response: Response) -> PreferencesView:
    """Return how a patient wants to be reached, with an ETag."""
    return _view(await desk.read(gate, patient_id), response)


@router.put("/patients/{patient_id}/preferences", **guard("update-preferences", 400, 404, 412, 422, 428))
async def change_preferences(
    patient_id: PatientId,
    body: PreferencesBody,
    desk: Desk,
    gate: GateDep,
    response: Response,
    if_match: Annotated[str | None, Header(description="the ETag that was read")] = None,
) -> PreferencesView:
    """Replace a patient's preferences, if nobody else has in the meantime."""
    if if_match is None:
        raise PreconditionRequired("Send If-Match with the ETag of the preferences you read.")
    wanted = Preferences(
        patient_id=patient_id,
        channels=body.channels,
        language=body.language,
        timezone=body.timezone,
        consent={
            Topic.REMINDERS: body.consent.reminders,
            Topic.OFFERS: body.consent.offers,
            Topic.MARKETING: body.consent.marketing,
        },
        opted_out=body.opted_out,
    )
    return _view(await desk.change(gate, wanted, _versions(if_match)), response)


@router.get("/patients/{patient_id}/messages", **guard("read-messages", 404, 422))
async def read_messages(
    patient_id: PatientId,
    desk: Desk,
    gate: GateDep,
    before: Annotated[UUID | None, Query(description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> MessagePage:
    """Return what a patient was told and will be told, and what became of it."""
    told = await desk.messages(gate, patient_id, before, limit)
    return MessagePage(
        items=tuple(_message(record) for record in told.messages), next=told.following, email_returned=told.returned
    )


def _versions(if_match: str) -> tuple[int, ...] | None:
    """Return the versions an If-Match header names, None for ``*`` (RFC 9110 section 13.1.1: strong tags only)."""
    tags = [tag.strip() for tag in if_match.split(",")]
    return None if tags == ["*"] else tuple(int(match[1]) for tag in tags if (match := _ETAG.fullmatch(tag)))


def _view(preferences: Preferences, response: Response) -> PreferencesView:
    response.headers["etag"] = f'"{preferences.version}"'
    return PreferencesView(
        patient_id=preferences.patient_id,
        version=preferences.version,
        channels=preferences.channels,
        language=preferences.language,
        timezone=preferences.timezone,
        consent=Consent(**{topic.value: given for topic, given in preferences.consent.items()}),
        opted_out=preferences.opted_out,
    )


def _message(record: MessageRecord) -> MessageView:
    message = record.message
    return MessageView(
        message_id=message.message_id,
        appointment_id=message.appointment_id,
        kind=message.kind,
        state=record.state,
        due_at=message.due_at,
        starts_at=message.starts_at,
        channel=record.channel,
        language=record.language,
        reason=record.reason,
        ledger=tuple(
            LedgerLine(state=State(entry.state), at=entry.at, channel=entry.channel, reason=entry.reason)
            for entry in record.ledger
        ),
    )
