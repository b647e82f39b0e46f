"""What stands in requests and answers, typed so that the OpenAPI document tells clients what we take."""

from dataclasses import asdict
from typing import Annotated, Any, Self

from fastapi import Depends, Header, Path, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.directory.domain.records import PATIENT_LANGUAGES, R, Recorded
from services.directory.domain.values import CODE, ID, LANGUAGE, MAX_LIST, MAX_TEXT, PHONE, USERNAME, ZIP
from services.directory.usecases import Directory
from services.directory.usecases.recording import Change
from services.kernel.errors import StaleVersion
from services.kernel.http import guard


async def use_cases(request: Request) -> Directory:
    """Return the use cases that this process runs."""
    directory: Directory = request.app.state.directory
    return directory


DirectoryDep = Annotated[Directory, Depends(use_cases)]

IdText = Annotated[str, Field(pattern=ID, max_length=64, examples=["fac-0001"])]
CodeText = Annotated[str, Field(pattern=CODE, max_length=60, examples=["family-medicine"])]
LINE = r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"
Line = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=LINE)]
PhoneText = Annotated[str, Field(pattern=PHONE, max_length=16, examples=["+16175550100"])]
LanguageTag = Annotated[str, Field(pattern=LANGUAGE, max_length=12, examples=["es"])]
ZipText = Annotated[str, Field(pattern=ZIP, examples=["02108"])]
Zone = Annotated[str, Field(min_length=1, max_length=64, description="IANA time zone", examples=["America/New_York"])]
Facilities = Annotated[tuple[IdText, ...], Field(min_length=1, max_length=MAX_LIST)]

FacilityId = Annotated[str, Path(pattern=ID, max_length=64, examples=["fac-0001"])]
ClinicianId = Annotated[str, Path(pattern=ID, max_length=64, examples=["cln-00001"])]
PatientId = Annotated[str, Path(pattern=ID, max_length=64, examples=["pat-000001"])]
PersonId = Annotated[str, Path(pattern=ID, max_length=64, examples=["pat-000002"])]
VisitTypeCode = Annotated[str, Path(pattern=CODE, max_length=60, examples=["family-medicine-follow-up"])]
Username = Annotated[str, Path(pattern=USERNAME, max_length=63, examples=["frontdesk"])]
IfMatch = Annotated[str | None, Header(description="ETag of the version to replace", examples=['"1"'])]


def expected_version(if_match: str | None) -> int | None:
    """Return the version an If-Match header names; raise StaleVersion for a tag that was never ours."""
    if if_match is None:
        return None
    tag = if_match.strip().strip('"')
    if not (tag.isascii() and tag.isdecimal() and len(tag) < 10):
        raise StaleVersion("If-Match is not an ETag of ours; read the record again.")
    return int(tag)


def tag(response: Response, recorded: Recorded[R]) -> None:
    """Tell the version as a strong ETag (RFC 9110 section 8.8.3)."""
    response.headers["etag"] = f'"{recorded.version}"'


def guard_put(action: str, view: type[BaseModel], *statuses: int) -> dict[str, Any]:
    """Return the keyword arguments of a guarded PUT that creates (201) or replaces (200) what ``view`` shows."""
    guarded = guard(action, 400, 413, 422, *statuses)
    return {**guarded, "responses": {**guarded["responses"], 201: {"model": view, "description": "Created"}}}


class Body(BaseModel):
    """What a client sends: nothing unknown is ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """What a client gets; it ignores what it does not know."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def of(cls, recorded: Recorded[R], **more: Any) -> Self:
        """Return ``recorded`` as this view shows it."""
        return cls.model_validate({**asdict(recorded.record), "version": recorded.version, **more})


def answer(response: Response, change: Change[R]) -> Recorded[R]:
    """Set status (201 for a first version) and ETag for a PUT; return what is kept now."""
    response.status_code = 201 if change.created else 200
    tag(response, change.recorded)
    return change.recorded


PatientLanguage = Annotated[str, Field(pattern=f"^({'|'.join(PATIENT_LANGUAGES)})$", examples=["en"])]
Instant = Annotated[AwareDatetime, Field(examples=["2027-01-01T00:00:00Z"])]
