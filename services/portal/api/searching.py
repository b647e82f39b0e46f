"""Finding a patient by name and birth date, for desks and auditors: a POST, so that neither stands in an address."""

from dataclasses import dataclass
from typing import Any

from services.portal.api.entrance import Visit
from services.portal.api.fields import Fields


@dataclass(frozen=True, slots=True)
class Search:
    """What was sought, and the patients found: None when ``errors`` says what is wrong with the form."""

    sought: dict[str, str]
    errors: dict[str, str]
    found: list[dict[str, Any]] | None


async def search(visit: Visit) -> Search:
    """Search for the patients the form describes."""
    _, fields = visit.wording, Fields(await visit.form(), visit.wording)
    name = fields.needed("family_name", _("Enter the beginning of the family name."), 120)
    born = fields.needed_day("birth_date")
    sought = {"family_name": name, "birth_date": fields.text("birth_date")}
    if fields.errors:
        return Search(sought, fields.errors, None)
    body = {"family_name": name, "birth_date": born.isoformat()}
    found = (await visit.ask("POST", "directory", "/patients/search", body=body)).body["patients"]
    return Search(sought, {}, found)
