"""Routes that tell whether the trail itself can be believed: the chains of a day, and their verification."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import AfterValidator, BaseModel, ConfigDict

from services.audit.usecases.standing import Standing
from services.kernel.http import GateDep, guard

router = APIRouter(tags=["chains"])
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2200, 1, 1)


def _in_range(day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"must lie between {FIRST_DAY} and {LAST_DAY}")
    return day


Day = Annotated[date, Path(description="UTC day on which entries arrived"), AfterValidator(_in_range)]


async def _standing(request: Request) -> Standing:
    found: Standing = request.app.state.standing
    return found


StandingDep = Annotated[Standing, Depends(_standing)]


class ChainView(BaseModel):
    """One chain: of its ``entries`` the first ``anchored`` are held by write-once storage; ``closed``: no more come."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    service: str
    entries: int
    anchored: int
    closed: bool


class Chains(BaseModel):
    """The chains of one day by service."""

    day: date
    chains: list[ChainView]


class FindingView(BaseModel):
    """One thing that is wrong."""

    kind: str
    service: str
    seq: int
    detail: str


class Verification(BaseModel):
    """What was computed anew; ``sound`` when nothing is wrong."""

    day: date
    sound: bool
    chains: int
    entries: int
    anchors: int
    findings: list[FindingView]


@router.get("/chains/{day}", **guard("read-audit", 422))
async def chains_of_day(day: Day, gate: GateDep, standing: StandingDep) -> Chains:
    """Tell how long the chains of a day are and how much of each is anchored; for auditors of every facility."""
    return Chains(day=day, chains=[ChainView.model_validate(one) for one in await standing.of_day(gate, day)])


@router.post("/chains/{day}/verification", **guard("read-audit", 400, 422))
async def verify_day(day: Day, gate: GateDep, standing: StandingDep) -> Verification:
    """Compute the chains of a day anew and compare them with their heads, the inbox and the anchors."""
    verdict = await standing.verify(gate, day)
    findings = [FindingView(kind=f.kind, service=f.service, seq=f.seq, detail=f.detail) for f in verdict.findings]
    return Verification(
        day=day, sound=not findings, chains=verdict.chains, entries=verdict.entries, anchors=verdict.anchors,
        findings=findings,
    )  # fmt: skip
