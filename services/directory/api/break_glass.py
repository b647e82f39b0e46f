"""Routes of emergency access. Whom it is about stands in bodies only; the token goes with later requests."""

from datetime import date
from typing import Annotated, Self

from fastapi import APIRouter, Path, Response
from pydantic import Field, model_validator

from services.directory.api.fields import Body, DirectoryDep, IdText, Instant, Line, View
from services.directory.domain.break_glass import Reason
from services.directory.domain.values import search_key
from services.directory.ports import PatientQuery
from services.directory.usecases.break_glass import Opened
from services.kernel.http import GateDep, guard
from services.kernel.middleware import EMERGENCY_HEADER

router = APIRouter(tags=["break-glass"])
GrantId = Annotated[str, Path(pattern="^btg-[0-9a-f]{32}$", examples=["btg-0197a000000070008000000000000001"])]
Note = Annotated[str, Field(min_length=10, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$", description="what happened")]


class OpenBody(Body):
    """Whose record, and why: the patient's id, or family name and birth date that only one patient has."""

    patient_id: IdText | None = None
    family_name: Line | None = None
    birth_date: date | None = None
    reason: Reason
    note: Note

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        described = self.family_name is not None and self.birth_date is not None
        if (self.patient_id is None) != described or (self.patient_id and (self.family_name or self.birth_date)):
            raise ValueError("give patient_id, or family_name and birth_date")
        return self

    def who(self) -> str | PatientQuery:
        """Return the patient's id, or what to find them by."""
        if self.patient_id is not None:
            return self.patient_id
        return PatientQuery(None, search_key(self.family_name or ""), self.birth_date, limit=2)


class BreakGlassView(View):
    """An emergency access. ``token`` goes with each request as the header X-Careslot-Break-Glass until it expires."""

    grant_id: str
    patient_id: str
    reason: str
    note: str
    opened_at: Instant
    expires_at: Instant
    ended_at: Instant | None
    token: str = Field(description=f"value of the header {EMERGENCY_HEADER}; empty once the access is over")
    token_expires_at: Instant | None


def _view(opened: Opened) -> BreakGlassView:
    return BreakGlassView.of(opened.grant, token=opened.token, token_expires_at=opened.token_expires_at)


@router.post("/break-glass", status_code=201, **guard("break-glass", 400, 404, 413, 422))
async def open_record(directory: DirectoryDep, gate: GateDep, response: Response, body: OpenBody) -> BreakGlassView:
    """Open a patient's record in an emergency. Needs a sign-in not older than five minutes, else 401."""
    opened = await directory.break_glass.open(gate, body.who(), body.reason, body.note)
    response.headers["location"] = f"break-glass/{opened.grant.record.grant_id}"
    return _view(opened)


@router.get("/break-glass/{grant_id}", **guard("read-break-glass", 404, 422))
async def read_break_glass(directory: DirectoryDep, gate: GateDep, grant_id: GrantId) -> BreakGlassView:
    """Read an emergency access; whoever opened it gets a fresh token while it lasts."""
    return _view(await directory.break_glass.renew(gate, grant_id))


@router.post("/break-glass/{grant_id}/end", **guard("end-break-glass", 404, 422))
async def end_break_glass(directory: DirectoryDep, gate: GateDep, grant_id: GrantId) -> BreakGlassView:
    """End an emergency access before its time."""
    return _view(await directory.break_glass.end(gate, grant_id))
