"""The route of role assignments."""

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from services.contracts.roles import Role
from services.directory.api.fields import Body, DirectoryDep, Username, View, answer, guard_put
from services.directory.domain.records import RoleAssignment
from services.directory.domain.values import ID, MAX_LIST
from services.kernel.http import GateDep

router = APIRouter(tags=["role assignments"])

Clearance = Literal["R", "ETH"]
FacilityOrAll = Annotated[str, Field(pattern=rf"^\*$|{ID}", max_length=64, examples=["fac-0001"])]


class RoleBody(Body):
    """One role, the facilities it is for (``*`` alone: all), and the person the account belongs to.

    ``clearances``: labels of visits the role covers there beside the unlabelled (R, ETH), for staff alone.
    """

    role: Role
    facilities: Annotated[tuple[FacilityOrAll, ...], Field(max_length=MAX_LIST)] = ()
    person: Annotated[str, Field(pattern=f"^$|{ID}", max_length=64)] = ""
    clearances: Annotated[tuple[Clearance, ...], Field(max_length=2)] = ()


class RoleView(View):
    """A role assignment; while ``effective`` is false the identity provider has not been told yet."""

    username: str
    version: int
    role: Role
    facilities: tuple[str, ...]
    person: str
    clearances: tuple[str, ...]
    effective: bool


@router.put("/role-assignments/{username}", **guard_put("assign-role", RoleView, 404, 412))
async def put_role_assignment(
    directory: DirectoryDep, gate: GateDep, response: Response, username: Username, body: RoleBody
) -> RoleView:
    """Give an account its role. It is in tokens issued from then on; older ones last until they expire."""
    wanted = RoleAssignment(username, body.role, body.facilities, body.person, body.clearances)
    assigned = await directory.roles.assign(gate, wanted)
    return RoleView.of(answer(response, assigned.change), effective=assigned.effective)
