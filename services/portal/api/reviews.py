"""An auditor's questions to the audit trail: who saw this patient, what did this user see, what was refused, whose
glass was broken. Every look is itself written down by the audit service.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse

from services.kernel.errors import Invalid
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import ID, Fields, PathId
from services.portal.api.names import Names
from services.portal.api.searching import search

router = APIRouter(tags=["reviews"], route_class=PageRoute)
SHOWN = "50"
USUAL = timedelta(days=30)
LONGEST_EXPORT = 31
SUBJECT = r"^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}$"
PathSubject = Annotated[str, Path(pattern=SUBJECT)]
OUTCOMES = {"allowed": "Allowed", "refused": "Refused", "unauthenticated": "Not signed in"}
Only = Literal["all", "refused", "break-glass"]


@dataclass(frozen=True, slots=True)
class Filters:
    """The days (UTC, both included), the facility and the page of a review."""

    first: date
    last: date
    facility: str
    cursor: str

    def query(self) -> dict[str, str]:
        """Return the window and facility as the audit service takes them."""
        until = datetime.combine(self.last + timedelta(days=1), time(), UTC)
        window = {"from": datetime.combine(self.first, time(), UTC).isoformat(), "to": until.isoformat()}
        return {**window, **({"facility": self.facility} if self.facility else {})}

    def said(self, **more: str) -> str:
        """Return the filters as the query of a page of ours."""
        return urlencode({"first": self.first, "last": self.last, "facility": self.facility, **more})

    @property
    def exportable(self) -> bool:
        """Whether the audit service exports that much at a time."""
        return (self.last - self.first).days < LONGEST_EXPORT


async def _filters(
    visit: VisitDep,
    first: Annotated[str, Query(max_length=10)] = "",
    last: Annotated[str, Query(max_length=10)] = "",
    facility: Annotated[str, Query(pattern=f"{ID}|^$")] = "",
    cursor: Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{0,200}$")] = "",
) -> Filters:
    today = visit.portal.clock.now().date()
    fields = Fields({"first": first, "last": last}, visit.wording)
    until = fields.day("last") or today
    since = fields.day("first") or until - USUAL + timedelta(days=1)
    if fields.errors or since > until:
        raise Invalid("The first day must not lie after the last one.")
    return Filters(since, until, facility, cursor)


FiltersDep = Annotated[Filters, Depends(_filters)]


@router.get("/reviews", **page("read-audit"))
async def choose_review(visit: VisitDep) -> Response:
    """Show what can be asked."""
    return draw(visit, "reviews.html", found=None, values={})


@router.post("/reviews", **page("read-audit", form=True))
async def begin_review(visit: VisitDep) -> Response:
    """Lead to the review of the patient or user whose number was typed."""
    _, fields = visit.wording, Fields(await visit.form(), visit.wording)
    values = {name: fields.text(name, 128) for name in ("patient", "subject")}
    for name, pattern, where in (("patient", ID, "patients"), ("subject", SUBJECT, "users")):
        if values[name] and re.fullmatch(pattern, values[name]):
            return go(visit.request, f"reviews/{where}/{values[name]}")
    wrong = "subject" if values["subject"] else "patient"
    told = {wrong: _("Enter a number as the trail shows it.")}
    return draw(visit, "reviews.html", 422, found=None, values=values, errors=told)


@router.post("/reviews/find", **page("read-patient", form=True))
async def find_patient(visit: VisitDep) -> Response:
    """Find the number of a patient; the names stay out of every address."""
    asked = await search(visit)
    status = 422 if asked.errors else 200
    return draw(visit, "reviews.html", status, found=asked.found, values=asked.sought, errors=asked.errors)


@router.get("/reviews/patients/{patient_id}", **page("read-audit"))
async def who_saw_this_patient(visit: VisitDep, patient_id: PathId, filters: FiltersDep) -> Response:
    """Show who touched a patient's record."""
    name = await Names(visit).patient(patient_id)
    what = visit.wording("Who saw {name}", name=name)
    return await _review(visit, filters, what, f"/patients/{patient_id}/accesses", patient=patient_id)


@router.get("/reviews/users/{subject}", **page("read-audit"))
async def what_did_this_user_see(visit: VisitDep, subject: PathSubject, filters: FiltersDep) -> Response:
    """Show what a user touched."""
    what = visit.wording("What {name} saw", name=subject)
    return await _review(visit, filters, what, f"/users/{subject}/accesses", user=subject)


@router.get("/reviews/refusals", **page("read-audit"))
async def refusals(visit: VisitDep, filters: FiltersDep) -> Response:
    """Show what was refused."""
    return await _review(visit, filters, visit.wording("Refused accesses"), "/refusals", only="refused")


@router.get("/reviews/break-glass", **page("read-audit"))
async def emergency_accesses(visit: VisitDep, filters: FiltersDep) -> Response:
    """Show who broke the glass."""
    return await _review(visit, filters, visit.wording("Emergency accesses"), "/break-glass", only="break-glass")


@router.get("/reviews/export.ndjson", **page("export-audit"))
async def export(
    visit: VisitDep,
    filters: FiltersDep,
    patient: Annotated[str, Query(pattern=f"{ID}|^$")] = "",
    user: Annotated[str, Query(pattern=f"{SUBJECT}|^$")] = "",
    only: Only = "all",
) -> Response:
    """Pass the entries on as IHE BALP AuditEvents (FHIR R4 NDJSON)."""
    query = {**filters.query(), "patient": patient, "user": user, "only": only}
    stack = AsyncExitStack()
    opened = visit.portal.neighbours.download(visit.session.token, "audit", "/export", query)
    chunks = await stack.enter_async_context(opened)
    name = f"audit-{filters.first}-{filters.last}.ndjson"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_passed_on(chunks, stack), media_type="application/fhir+ndjson", headers=headers)


async def _passed_on(chunks: AsyncIterator[bytes], stack: AsyncExitStack) -> AsyncIterator[bytes]:
    async with stack:
        async for chunk in chunks:
            yield chunk


async def _review(visit: Visit, filters: Filters, what: str, path: str, **narrowed: str) -> Response:
    query = {**filters.query(), "limit": SHOWN, **({"cursor": filters.cursor} if filters.cursor else {})}
    listed: dict[str, Any] = await visit.read("audit", path, **query)
    return draw(
        visit, "review_list.html", what=what, entries=listed["entries"], filters=filters, outcomes=OUTCOMES,
        newer=bool(filters.cursor), older=filters.said(cursor=listed["next"]) if listed["next"] else "",
        export=filters.said(**narrowed) if filters.exportable else "",
    )  # fmt: skip
