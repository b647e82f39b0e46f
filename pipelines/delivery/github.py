"""GitHub as the verbs see it: a port, and the adapter that asks GitHub's API with the token a workflow was given."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from services.kernel.errors import CareslotError, Forbidden, Invalid, NotFound, Unavailable

PAGE = 100
# A pull request with more comments than this has other troubles.
MOST_PAGES = 30
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment of a pull request."""

    id: int
    body: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pull request, and whether it was just opened."""

    number: int
    url: str
    opened: bool


class GitHub(Protocol):
    """What the verbs ask of a repository on GitHub."""

    def comments(self, pull_request: int) -> Iterator[Comment]:
        """Yield a pull request's comments, oldest first."""
        ...

    def comment(self, pull_request: int, body: str) -> None:
        """Write a new comment."""
        ...

    def edit(self, comment: int, body: str) -> None:
        """Put another text in a comment's place."""
        ...

    def commit(self, branch: str, base: str, message: str, files: Mapping[str, str]) -> None:
        """Make ``branch`` one commit on top of branch ``base`` in which ``files`` (path: text) differ."""
        ...

    def propose(self, branch: str, base: str, title: str, body: str) -> Proposal:
        """Open a pull request for ``branch``, or give the open one this title and body."""
        ...

    def start(self, workflow: str, branch: str) -> None:
        """Start a workflow (its file's name) on a branch."""
        ...


class ApiGitHub:
    """GitHub's REST API, version 2022-11-28."""

    def __init__(self, client: httpx.Client, repository: str) -> None:
        self._client = client
        self._at = f"/repos/{repository}"
        self._owner = repository.partition("/")[0]

    def comments(self, pull_request: int) -> Iterator[Comment]:
        """Yield a pull request's comments, oldest first."""
        for page in range(1, MOST_PAGES + 1):
            found = self._ask("GET", f"/issues/{pull_request}/comments", params={"per_page": PAGE, "page": page})
            yield from (Comment(one["id"], one["body"] or "") for one in found)
            if len(found) < PAGE:
                return

    def comment(self, pull_request: int, body: str) -> None:
        """Write a new comment."""
        self._ask("POST", f"/issues/{pull_request}/comments", json={"body": body})

    def edit(self, comment: int, body: str) -> None:
        """Put another text in a comment's place."""
        self._ask("PATCH", f"/issues/comments/{comment}", json={"body": body})

    def commit(self, branch: str, base: str, message: str, files: Mapping[str, str]) -> None:
        """Make the commit by the API, where GitHub signs it: no credentials lie in the working tree."""
        head = self._ask("GET", f"/git/ref/heads/{base}")["object"]["sha"]
        tree = self._ask(
            "POST",
            "/git/trees",
            json={
                "base_tree": self._ask("GET", f"/git/commits/{head}")["tree"]["sha"],
                "tree": [{"path": path, "mode": "100644", "type": "blob", "sha": self._blob(text)}
                         for path, text in sorted(files.items())],
            },
        )["sha"]  # fmt: skip
        made = self._ask("POST", "/git/commits", json={"message": message, "tree": tree, "parents": [head]})["sha"]
        try:
            self._ask("PATCH", f"/git/refs/heads/{branch}", json={"sha": made, "force": True})
        except (Invalid, NotFound):
            self._ask("POST", "/git/refs", json={"ref": f"refs/heads/{branch}", "sha": made})

    def propose(self, branch: str, base: str, title: str, body: str) -> Proposal:
        """Open a pull request, or bring the open one up to date."""
        wanted = {"head": f"{self._owner}:{branch}", "base": base, "state": "open"}
        there: Sequence[Any] = self._ask("GET", "/pulls", params=wanted)
        told = {"title": title, "body": body}
        if there:
            one = self._ask("PATCH", f"/pulls/{there[0]['number']}", json=told)
        else:
            one = self._ask("POST", "/pulls", json={**told, "head": branch, "base": base})
        return Proposal(one["number"], one["html_url"], opened=not there)

    def start(self, workflow: str, branch: str) -> None:
        """Start a workflow on a branch: a pull request made with a workflow's token starts none by itself."""
        self._ask("POST", f"/actions/workflows/{workflow}/dispatches", json={"ref": branch})

    def _blob(self, text: str) -> str:
        content = base64.b64encode(text.encode()).decode()
        sha: str = self._ask("POST", "/git/blobs", json={"content": content, "encoding": "base64"})["sha"]
        return sha

    def _ask(self, method: str, path: str, **words: Any) -> Any:
        try:
            answer = self._client.request(method, self._at + path, **words)
        except httpx.HTTPError as fault:
            raise Unavailable(f"GitHub did not answer {method} {path}: {type(fault).__name__}") from None
        if answer.is_error:
            raise _refusal(answer, f"{method} {path}")
        return answer.json() if answer.content else None


def _refusal(answer: httpx.Response, asked: str) -> CareslotError:
    try:
        why = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        why = answer.reason_phrase
    told = f"GitHub refused {asked}: {answer.status_code} {why}"
    if answer.status_code in {401, 403}:
        return Forbidden(f"{told} (has the job the permission?)")
    if answer.status_code == 404:
        return NotFound(told)
    return Unavailable(told) if answer.status_code >= 500 else Invalid(told)


def connect(environ: Mapping[str, str] = os.environ, transport: httpx.BaseTransport | None = None) -> ApiGitHub:
    """Return the repository that a workflow runs for, by the variables GitHub sets; raise Invalid naming what lacks."""
    lacking = [name for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN") if not environ.get(name)]
    if lacking:
        raise Invalid(f"{', '.join(lacking)} not set: a workflow hands the token on as `env: GITHUB_TOKEN`")
    headers = {
        "accept": "application/vnd.github+json",
        "authorization": f"Bearer {environ['GITHUB_TOKEN']}",
        "x-github-api-version": "2022-11-28",
    }
    address = environ.get("GITHUB_API_URL") or "https://api.github.com"
    client = httpx.Client(base_url=address, headers=headers, timeout=SECONDS, transport=transport)
    return ApiGitHub(client, environ["GITHUB_REPOSITORY"])
