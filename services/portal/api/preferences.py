"""How a patient wants to be reached, and what they agree to."""

from typing import Any

from fastapi import APIRouter, Response

from services.kernel.errors import StaleVersion
from services.portal.api.drawing import draw, go
from services.portal.api.entrance import LANGUAGE, PageRoute, Visit, VisitDep, keep, page
from services.portal.api.signing_in import YEAR

router = APIRouter(tags=["preferences"], route_class=PageRoute)
CHANNELS = {"email": "Email", "sms": "Text message"}
TOPICS = {
    "reminders": "Reminders and news about my own visits",
    "offers": "Offers of an earlier time when one becomes free",
    "marketing": "News from the health system",
}


@router.get("/preferences", **page("read-preferences"))
async def show_preferences(visit: VisitDep) -> Response:
    """Show preferences and consent."""
    return await _show(visit, {})


@router.post("/preferences", **page("update-preferences", form=True))
async def change_preferences(visit: VisitDep) -> Response:
    """Keep preferences and consent."""
    form = await visit.form()
    first = str(form.get("first", ""))
    chosen = [name for name in CHANNELS if form.get(f"channel_{name}")]
    if not chosen and not form.get("opted_out"):
        told = {"channel_email": visit.wording("Choose at least one way, or choose no messages at all.")}
        return await _show(visit, told, 422)
    language = str(form.get("language", ""))
    before = await visit.ask("GET", "notifications", _path(visit))
    body: dict[str, Any] = {
        "channels": sorted(chosen, key=lambda name: name != first),
        "language": language if language in {"en", "es"} else None,
        "timezone": before.body["timezone"],
        "consent": {topic: bool(form.get(f"consent_{topic}")) for topic in TOPICS},
        "opted_out": bool(form.get("opted_out")),
    }
    try:
        await visit.ask("PUT", "notifications", _path(visit), body=body, headers={"if-match": str(form.get("etag"))})
    except StaleVersion:
        told = {"channel_email": visit.wording("These were changed elsewhere in the meantime. Look again and save.")}
        return await _show(visit, told, 412)
    if body["language"]:
        keep(visit.request, LANGUAGE, language, lasts=YEAR)
    return go(visit.request, "preferences?told=saved")


async def _show(visit: Visit, errors: dict[str, str], status: int = 200) -> Response:
    found = await visit.ask("GET", "notifications", _path(visit))
    messages = await visit.read("notifications", _path(visit, "messages"), limit="1")
    return draw(
        visit, "preferences.html", status, preferences=found.body, etag=found.etag, channels=CHANNELS, topics=TOPICS,
        errors=errors, returned=messages["email_returned"],
    )  # fmt: skip


def _path(visit: Visit, what: str = "preferences") -> str:
    return f"/patients/{visit.session.patient or 'none'}/{what}"
