"""What somebody was about to do when their session had ended, kept so that nothing typed is lost.

It travels sealed in the page that asks to sign in again: neither we nor the browser's history hold it. A form is
kept only if it came from our own page of that session, shown again to the same person alone, and sent by their click.
"""

import hmac
from dataclasses import dataclass

from fastapi import Request, Response

from services.portal.api.drawing import go, render
from services.portal.api.entrance import portal_of
from services.portal.domain.session import Session

# Of no use later: tokens of the ended session, and where there is nothing to go back to.
_DROPPED = frozenset({"csrf"})
_NEVER = frozenset({"sign-out", "sign-in", "sign-in/challenge", "language"})


@dataclass(frozen=True, slots=True)
class Intent:
    """A page to go to, or a form (``fields``) to be sent to ``path`` by the person called ``username``."""

    path: str
    username: str = ""
    fields: tuple[tuple[str, str], ...] | None = None


async def keep_intent(request: Request) -> str:
    """Return, sealed, what this request was about to do; "" for nothing worth it."""
    path = request.scope["path"].lstrip("/")
    if path in _NEVER:
        return ""
    if request.method == "GET":
        intent = Intent(f"{path}?{request.url.query}" if request.url.query else path)
    else:
        ended: Session | None = getattr(request.state, "ended", None)
        form = await request.form()
        told = str(form.get("csrf", ""))
        if ended is None or not hmac.compare_digest(told.encode(), ended.csrf.encode()):
            return ""
        fields = tuple((name, value) for name, value in form.multi_items() if isinstance(value, str))
        intent = Intent(path, ended.username, tuple(pair for pair in fields if pair[0] not in _DROPPED))
    return portal_of(request).sealer.seal("intent", [intent.path, intent.username, intent.fields])


def go_on(request: Request, session: Session, sealed: str) -> Response:
    """Lead whoever has just signed in to where they were going, or show again what they were about to send."""
    found = portal_of(request).sealer.open("intent", sealed)
    if found is None:
        return go(request, "home")
    path, username, fields = found
    if fields is None:
        return go(request, path)
    if username != session.username:
        return go(request, "home")
    return render(request, "resume.html", session=session, path_of_form=path, fields=fields)
