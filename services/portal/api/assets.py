"""The few files pages need: one style sheet, three small scripts, all ours; pages work without the scripts."""

from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Response

from services.kernel.http import public

router = APIRouter(tags=["assets"])
FOLDER = Path(__file__).resolve().parent.parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FILES = {file.name: file.read_bytes() for file in FOLDER.iterdir() if file.suffix in _TYPES}


_UNKNOWN: dict[int | str, dict[str, Any]] = {
    422: {"description": "No such file", "content": {"text/html": {"schema": {"type": "string"}}}}
}


@router.get(
    "/static/{name}",
    **public("style and scripts are the same for everyone"),
    response_class=Response,
    responses=_UNKNOWN,
)
async def read_asset(name: Literal["portal.css", "day.js", "progress.js", "line.js", "mark.svg"]) -> Response:
    """Return a style sheet, script or picture."""
    return Response(_FILES[name], media_type=_TYPES[Path(name).suffix])
