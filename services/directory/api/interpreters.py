"""Routes of interpreters."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from services.directory.api import paging
from services.directory.api.fields import (
    Body,
    DirectoryDep,
    IdText,
    IfMatch,
    LanguageTag,
    Line,
    View,
    Zone,
    answer,
    expected_version,
    guard_put,
    tag,
)
from services.directory.domain.interpreters import DAY, WALL_TIME, WEEKDAYS, Interpreter
from services.directory.domain.values import ID, LANGUAGE, MAX_LIST
from services.directory.ports import InterpreterQuery
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["interpreters"])
InterpreterId = Annotated[str, Path(pattern=ID, max_length=64, examples=["int-00001"])]
WeekdayText = Annotated[str, Field(pattern=f"^({'|'.join(WEEKDAYS)})$", examples=["mon"])]
TimeText = Annotated[str, Field(pattern=WALL_TIME, examples=["08:00"])]
DayText = Annotated[str, Field(pattern=DAY, examples=["2027-01-18"])]


class InterpreterBody(Body):
    """An interpreter as they are registered; a remote one without facilities serves all of them."""

    name: Line
    languages: Annotated[tuple[LanguageTag, ...], Field(min_length=1, max_length=MAX_LIST)]
    facility_ids: Annotated[tuple[IdText, ...], Field(max_length=MAX_LIST)] = ()
    remote: bool = False
    timezone: Zone
    weekdays: Annotated[tuple[WeekdayText, ...], Field(min_length=1, max_length=7)]
    starts: TimeText
    ends: TimeText
    days_off: Annotated[tuple[DayText, ...], Field(max_length=MAX_LIST)] = ()
    active: bool = True


class InterpreterView(View):
    """An interpreter."""

    interpreter_id: str
    version: int
    name: str
    languages: tuple[str, ...]
    facility_ids: tuple[str, ...]
    remote: bool
    timezone: str
    weekdays: tuple[str, ...]
    starts: str
    ends: str
    days_off: tuple[str, ...]
    active: bool


class InterpreterPage(View):
    """Interpreters by id; ``next`` is the cursor of the following page, "" on the last."""

    interpreters: list[InterpreterView]
    next: str


class Languages(View):
    """Languages that somebody interprets, by code."""

    languages: list[str]


@router.get("/interpreters", **guard("read-catalogue", 422))
async def list_interpreters(
    directory: DirectoryDep,
    gate: GateDep,
    facility: Annotated[str, Query(pattern=f"^$|{ID}", max_length=64, description="those who serve it")] = "",
    language: Annotated[str, Query(pattern=f"^$|{LANGUAGE}", max_length=12)] = "",
    inactive: Annotated[bool, Query(description="include interpreters who left")] = False,
    limit: paging.Limit = 50,
    cursor: paging.Cursor = "",
) -> InterpreterPage:
    """Find interpreters by language and by the facility they serve."""
    after = paging.decode(cursor)
    query = InterpreterQuery(facility, language, not inactive, after[1] if after else "", limit + 1)
    found = list(await directory.interpreters.search(gate, query))
    page = found[:limit]
    more = paging.encode(0, page[-1].record.interpreter_id) if len(found) > limit else ""
    return InterpreterPage(interpreters=[InterpreterView.of(recorded) for recorded in page], next=more)


@router.get("/interpreter-languages", **guard("read-catalogue"))
async def list_languages(directory: DirectoryDep, gate: GateDep) -> Languages:
    """Return the languages for which an interpreter can be asked."""
    return Languages(languages=list(await directory.interpreters.languages(gate)))


@router.get("/interpreters/{interpreter_id}", **guard("read-catalogue", 404, 422))
async def get_interpreter(
    directory: DirectoryDep, gate: GateDep, response: Response, interpreter_id: InterpreterId
) -> InterpreterView:
    """Read one interpreter."""
    found = await directory.interpreters.get(gate, interpreter_id)
    tag(response, found)
    return InterpreterView.of(found)


# As for clinicians: who runs a facility says who works there.
@router.put("/interpreters/{interpreter_id}", **guard_put("manage-clinician", InterpreterView, 412, 428))
async def put_interpreter(
    directory: DirectoryDep,
    gate: GateDep,
    response: Response,
    interpreter_id: InterpreterId,
    body: InterpreterBody,
    if_match: IfMatch = None,
) -> InterpreterView:
    """Register an interpreter, or change one with If-Match; days off are part of the record."""
    interpreter = Interpreter(interpreter_id=interpreter_id, **body.model_dump())
    change = await directory.interpreters.put(gate, interpreter, expected_version(if_match))
    return InterpreterView.of(answer(response, change))
