"""Kinds of visits: which there are, how long they take; what a change does to booked visits and open times first."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from services.kernel.errors import Invalid, NotFound, StaleVersion
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import PageRoute, Visit, VisitDep, page
from services.portal.api.fields import CODE, Fields
from services.portal.api.names import Names

router = APIRouter(tags=["visit-types"], route_class=PageRoute)
Code = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
FEW_FACILITIES = 20
LABELS = {
    "N": "Whoever may see visits of the facility", "R": "Confidential: shown to others as busy time",
    "ETH": "Substance use treatment (42 CFR Part 2): shown to others as busy time",
}  # fmt: skip
BLANK = {
    "code": "", "version": 0, "name": "", "specialty": "", "minutes": 20, "active": True, "security_label": "N",
}  # fmt: skip
SHOWN = {
    "name": "Name",
    "specialty": "Specialty",
    "minutes": "Minutes",
    "active": "Can be booked",
    "security_label": "Who may know",
}


@router.get("/visit-types", **page("read-catalogue"))
async def list_visit_types(visit: VisitDep) -> Response:
    """Show every kind of visit by specialty."""
    kinds = (await visit.read("directory", "/visit-types"))["visit_types"]
    names = await _specialties(visit)
    listed = sorted(kinds, key=lambda kind: (names.get(kind["specialty"], ""), kind["minutes"], kind["name"]))
    return draw(visit, "visit_types.html", kinds=listed, specialties=names)


@router.get("/visit-types/new", **page("manage-catalogue"))
async def new_visit_type(visit: VisitDep) -> Response:
    """Show an empty form."""
    return await _form(visit, BLANK, {})


@router.post("/visit-types/new", **page("manage-catalogue", form=True))
async def preview_new(visit: VisitDep) -> Response:
    """Show what a new kind of visit would open."""
    fields = Fields(await visit.form(), visit.wording)
    code = fields.matching("code", CODE, visit.wording("Small letters, digits and hyphens, such as follow-up-long."))
    if not code:
        fields.errors.setdefault("code", visit.wording("Enter a short name in small letters, such as follow-up."))
    return await _preview(visit, fields, {**BLANK, "code": code})


@router.get("/visit-types/{code}", **page("manage-catalogue"))
async def edit_visit_type(visit: VisitDep, code: Code) -> Response:
    """Show a kind of visit to be changed."""
    return await _form(visit, await _known(visit, code), {})


@router.post("/visit-types/{code}/preview", **page("manage-catalogue", form=True))
async def preview_change(visit: VisitDep, code: Code) -> Response:
    """Show what the change does before it is made."""
    return await _preview(visit, Fields(await visit.form(), visit.wording), await _known(visit, code))


@router.post("/visit-types/{code}", **page("manage-catalogue", form=True))
async def save_visit_type(visit: VisitDep, code: Code) -> Response:
    """Make the change that was looked over, unless somebody else made one meanwhile."""
    fields = Fields(await visit.form(), visit.wording)
    body, version = _read(fields), fields.number("version", 0, 99999)
    if fields.errors:
        return await _form(visit, {**BLANK, **body, "code": code, "version": version}, fields.errors, 422)
    headers = {"if-match": f'"{version}"'} if version else {}
    try:
        await visit.ask("PUT", "directory", f"/visit-types/{code}", body=body, headers=headers)
    except StaleVersion:
        told = {"name": visit.wording("These were changed elsewhere in the meantime. Look again and save.")}
        return await _form(visit, await _known(visit, code), told, 412)
    return go(visit.request, "visit-types?told=saved")


async def _preview(visit: Visit, fields: Fields, before: Mapping[str, Any]) -> Response:
    changed = _read(fields)
    after = {**before, **changed}
    known = {kind["code"] for kind in (await visit.read("directory", "/visit-types"))["visit_types"]}
    if not before["version"] and after["code"] in known:
        fields.errors["code"] = visit.wording("There is a kind of visit with this short name already.")
    if fields.errors:
        return await _form(visit, after, fields.errors, 422)
    booked: dict[str, int] = {}
    openings = None
    if before["version"]:
        booked = (await visit.read("booking", f"/visit-types/{before['code']}/booked"))["facilities"]
        openings = await _openings(visit, before["code"], after["minutes"])
    names = Names(visit)
    most = sorted(booked, key=lambda one: -booked[one])[:FEW_FACILITIES]
    at = [((await names.facility(one))["name"], booked[one]) for one in most]
    lines = [(SHOWN[name], before[name], after[name]) for name in SHOWN if before[name] != after[name]]
    return draw(
        visit, "visit_type_preview.html", before=before, after=after, lines=lines, booked=sum(booked.values()), at=at,
        labels=LABELS, openings=openings, others=len(booked) - len(at), specialties=await _specialties(visit),
    )  # fmt: skip


async def _openings(visit: Visit, code: str, minutes: int) -> dict[str, Any] | None:
    try:
        return await visit.read("availability", f"/visit-types/{code}/openings", minutes=str(minutes))
    except Invalid:
        # Availability has not heard of this kind yet: nothing of it can be open.
        return None


def _read(fields: Fields) -> dict[str, Any]:
    _ = fields.say
    minutes = fields.number("minutes", 5, 480)
    if minutes % 5:
        fields.errors["minutes"] = _("Enter a multiple of five minutes.")
    specialty = fields.matching("specialty", CODE, _("Choose from the list."))
    if not specialty:
        fields.errors.setdefault("specialty", _("Choose a specialty."))
    label = fields.text("security_label")
    if label not in LABELS:
        fields.errors["security_label"] = _("Choose from the list.")
    return {
        "name": fields.needed("name", _("Enter a name that patients understand."), 120),
        "specialty": specialty,
        "minutes": minutes,
        "active": bool(fields.text("active")),
        "security_label": label,
    }


async def _known(visit: Visit, code: str) -> dict[str, Any]:
    for kind in (await visit.read("directory", "/visit-types"))["visit_types"]:
        if kind["code"] == code:
            return dict(kind)
    raise NotFound("There is no such kind of visit.")


async def _specialties(visit: Visit) -> dict[str, str]:
    listed = (await visit.read("directory", "/specialties"))["specialties"]
    return {one["code"]: one["name"] for one in listed}


async def _form(visit: Visit, kind: Mapping[str, Any], errors: dict[str, str], status: int = 200) -> Response:
    return draw(
        visit, "visit_type.html", status, kind=kind, specialties=await _specialties(visit), labels=LABELS, errors=errors
    )  # fmt: skip
