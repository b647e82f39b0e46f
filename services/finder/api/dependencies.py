"""What the routes are handed when the finder has started, and how long readers may keep what they are given."""

import hashlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response

from services.finder.usecases.finding import FindTimes
from services.finder.usecases.publishing import Publish

# Seconds: as long as the finder itself keeps open times.
KEPT_SECONDS = 60
KEPT = {"cache-control": f"public, max-age={KEPT_SECONDS}"}


@dataclass(frozen=True, slots=True)
class Finder:
    """The use cases, and the addresses readers are given; ``public_url`` "" where only the request tells."""

    find: FindTimes
    publish: Publish
    portal_url: str
    public_url: str


async def _finder(request: Request) -> Finder:
    finder: Finder = request.app.state.finder
    return finder


FinderDep = Annotated[Finder, Depends(_finder)]


def base_url(request: Request, finder: Finder) -> str:
    """Return the finder's address as this reader knows it; App Runner, which names it, always serves it over TLS."""
    return finder.public_url or f"https://{request.url.netloc}"


def tagged(request: Request, body: bytes, media_type: str) -> Response:
    """Return ``body`` with its ETag, or 304 to who has it already (RFC 9110 section 13.1.2)."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**KEPT, "etag": tag}
    # A weak comparison, as If-None-Match asks for; a tag of ours has no comma in it.
    presented = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if presented & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)
