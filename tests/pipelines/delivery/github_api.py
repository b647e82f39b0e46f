"""GitHub's API as far as the verbs use it, in memory: a transport for httpx that keeps comments and branches."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any

import httpx

REPOSITORY = "careslot-health/careslot"


@dataclass
class Api:
    """One repository with a branch main; ``token`` is the only one that is let in."""

    token: str = "t0ken"
    comments: dict[int, tuple[int, str]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=lambda: {"main": "c0"})
    trees: dict[str, dict[str, str]] = field(default_factory=lambda: {"t0": {"README.md": "hello"}})
    commits: dict[str, dict[str, Any]] = field(default_factory=lambda: {"c0": {"tree": "t0", "parents": []}})
    blobs: dict[str, str] = field(default_factory=dict)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    started: list[tuple[str, str]] = field(default_factory=list)
    writes: int = 0

    def environ(self) -> dict[str, str]:
        """Return the variables a workflow has."""
        return {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_TOKEN": self.token, "GITHUB_API_URL": "https://api.test"}

    def transport(self) -> httpx.MockTransport:
        """Return what answers in GitHub's place."""
        return httpx.MockTransport(self._answer)

    def content(self, branch: str) -> dict[str, str]:
        """Return a branch's files."""
        return self.trees[self.commits[self.refs[branch]]["tree"]]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] != f"Bearer {self.token}":
            return httpx.Response(403, json={"message": "Resource not accessible by integration"})
        path = request.url.path.removeprefix(f"/repos/{REPOSITORY}")
        said = json.loads(request.content) if request.content else {}
        self.writes += request.method != "GET"
        for method, pattern, answer in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and request.method == method:
                told: httpx.Response = answer(self, request, said, *found.groups())
                return told
        return httpx.Response(404, json={"message": "Not Found"})


def _comments(api: Api, request: httpx.Request, _said: Any, number: str) -> httpx.Response:
    size, page = int(request.url.params["per_page"]), int(request.url.params["page"])
    of = [{"id": id_, "body": body} for id_, (on, body) in api.comments.items() if on == int(number)]
    return httpx.Response(200, json=of[(page - 1) * size : page * size])


def _comment(api: Api, _request: httpx.Request, said: Any, number: str) -> httpx.Response:
    api.comments[len(api.comments) + 1] = (int(number), said["body"])
    return httpx.Response(201, json={})


def _edit(api: Api, _request: httpx.Request, said: Any, id_: str) -> httpx.Response:
    api.comments[int(id_)] = (api.comments[int(id_)][0], said["body"])
    return httpx.Response(200, json={})


def _ref(api: Api, _request: httpx.Request, _said: Any, branch: str) -> httpx.Response:
    if branch not in api.refs:
        return httpx.Response(404, json={"message": "Not Found"})
    return httpx.Response(200, json={"object": {"sha": api.refs[branch]}})


def _commit(api: Api, _request: httpx.Request, _said: Any, sha: str) -> httpx.Response:
    return httpx.Response(200, json={"tree": {"sha": api.commits[sha]["tree"]}})


def _new_blob(api: Api, _request: httpx.Request, said: Any) -> httpx.Response:
    sha = f"b{len(api.blobs)}"
    api.blobs[sha] = base64.b64decode(said["content"]).decode()
    return httpx.Response(201, json={"sha": sha})


def _new_tree(api: Api, _request: httpx.Request, said: Any) -> httpx.Response:
    sha = f"t{len(api.trees)}"
    api.trees[sha] = api.trees[said["base_tree"]] | {one["path"]: api.blobs[one["sha"]] for one in said["tree"]}
    return httpx.Response(201, json={"sha": sha})


def _new_commit(api: Api, _request: httpx.Request, said: Any) -> httpx.Response:
    sha = f"c{len(api.commits)}"
    api.commits[sha] = said
    return httpx.Response(201, json={"sha": sha})


def _move(api: Api, _request: httpx.Request, said: Any, branch: str) -> httpx.Response:
    if branch not in api.refs:
        # What GitHub really says of a branch that is not there.
        return httpx.Response(422, json={"message": "Reference does not exist"})
    api.refs[branch] = said["sha"]
    return httpx.Response(200, json={})


def _new_ref(api: Api, _request: httpx.Request, said: Any) -> httpx.Response:
    api.refs[said["ref"].removeprefix("refs/heads/")] = said["sha"]
    return httpx.Response(201, json={})


def _pulls(api: Api, request: httpx.Request, _said: Any) -> httpx.Response:
    branch = request.url.params["head"].partition(":")[2]
    return httpx.Response(200, json=[pull for pull in api.pulls if pull["head"] == branch])


def _new_pull(api: Api, _request: httpx.Request, said: Any) -> httpx.Response:
    number = len(api.pulls) + 1
    api.pulls.append({**said, "number": number, "html_url": f"https://github.test/pull/{number}"})
    return httpx.Response(201, json=api.pulls[-1])


def _edit_pull(api: Api, _request: httpx.Request, said: Any, number: str) -> httpx.Response:
    api.pulls[int(number) - 1] |= said
    return httpx.Response(200, json=api.pulls[int(number) - 1])


def _start(api: Api, _request: httpx.Request, said: Any, workflow: str) -> httpx.Response:
    api.started.append((workflow, said["ref"]))
    return httpx.Response(204)


ROUTES: tuple[tuple[str, str, Any], ...] = (
    ("GET", r"/issues/(\d+)/comments", _comments),
    ("POST", r"/issues/(\d+)/comments", _comment),
    ("PATCH", r"/issues/comments/(\d+)", _edit),
    ("GET", r"/git/ref/heads/(.+)", _ref),
    ("GET", r"/git/commits/(\w+)", _commit),
    ("POST", r"/git/blobs", _new_blob),
    ("POST", r"/git/trees", _new_tree),
    ("POST", r"/git/commits", _new_commit),
    ("PATCH", r"/git/refs/heads/(.+)", _move),
    ("POST", r"/git/refs", _new_ref),
    ("GET", r"/pulls", _pulls),
    ("POST", r"/pulls", _new_pull),
    ("PATCH", r"/pulls/(\d+)", _edit_pull),
    ("POST", r"/actions/workflows/([\w.]+)/dispatches", _start),
)
