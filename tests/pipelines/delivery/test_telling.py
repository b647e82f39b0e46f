"""What pipelines say on GitHub: one comment a marker, edited in place; one pull request a branch, kept up to date."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from pipelines.delivery import github
from pipelines.delivery.telling import CUT, LONGEST, bring, changed, say
from services.kernel.errors import CareslotError, Forbidden, Invalid, Unavailable
from tests.pipelines.delivery.github_api import Api


@pytest.fixture
def api() -> Api:
    return Api()


def connected(api: Api) -> github.ApiGitHub:
    return github.connect(api.environ(), api.transport())


def test_a_comment_is_written_once_and_then_edited_in_place(api: Api) -> None:
    hub = connected(api)
    for number in range(150):
        hub.comment(7, f"somebody's word {number}")
    assert say(hub, 7, "preview", "3 added") == "written"
    assert say(hub, 7, "preview", "4 added") == "edited"
    assert say(hub, 7, "preview", "4 added") == "unchanged"
    assert say(hub, 7, "policies", "all well") == "written"
    assert say(hub, 8, "preview", "of another pull request") == "written"
    ours = [body for number, body in api.comments.values() if number == 7 and "careslot:" in body]
    assert ours == ["<!-- careslot:preview -->\n4 added", "<!-- careslot:policies -->\nall well"]


def test_a_comment_that_only_quotes_the_marker_is_not_ours(api: Api) -> None:
    hub = connected(api)
    hub.comment(7, "> <!-- careslot:preview -->\nwhat is that?")
    assert say(hub, 7, "preview", "x") == "written"


def test_what_github_would_refuse_as_too_long_is_cut_and_says_so(api: Api) -> None:
    say(connected(api), 7, "preview", "x" * LONGEST)
    ((_, body),) = api.comments.values()
    assert len(body) == LONGEST
    assert body.endswith(CUT)


@pytest.mark.parametrize("marker", ["", "a b", "--> <script>"])
def test_a_marker_that_could_break_out_is_refused(api: Api, marker: str) -> None:
    with pytest.raises(Invalid, match="small letters"):
        say(connected(api), 7, marker, "x")


def test_a_proposal_is_one_commit_on_its_base_and_is_verified(api: Api) -> None:
    hub = connected(api)
    branches, words = ("promote/booking-prod", "main"), ("Promote booking to prod", "+digest")
    first = bring(hub, branches, words, {"gitops/releases/prod/booking.yaml": "digest: 1\n"}, "verify.yml")
    again = bring(
        hub, branches, ("Promote booking", "+2"), {"gitops/releases/prod/booking.yaml": "digest: 2\n"}, "verify.yml"
    )
    assert (first.opened, again.opened, first.number) == (True, False, again.number)
    assert api.content("promote/booking-prod") == {
        "README.md": "hello",
        "gitops/releases/prod/booking.yaml": "digest: 2\n",
    }
    assert api.content("main") == {"README.md": "hello"}
    assert api.commits[api.refs["promote/booking-prod"]]["parents"] == ["c0"]
    assert [(pull["title"], pull["body"], pull["base"]) for pull in api.pulls] == [("Promote booking", "+2", "main")]
    assert api.started == [("verify.yml", "promote/booking-prod")] * 2


def test_the_base_itself_is_never_written(api: Api) -> None:
    with pytest.raises(Invalid, match="another branch"):
        bring(connected(api), ("main", "main"), ("x", "x"), {"a": "b"}, "verify.yml")
    assert api.writes == 0


def test_a_token_without_the_right_is_told_so(api: Api) -> None:
    hub = github.connect({**api.environ(), "GITHUB_TOKEN": "another"}, api.transport())
    with pytest.raises(Forbidden, match="Resource not accessible by integration"):
        say(hub, 7, "preview", "x")


def test_outages_are_outages(api: Api) -> None:
    def down(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(502, text="<html>")

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    for answer, told in ((down, "502 Bad Gateway"), (away, "ConnectError")):
        with pytest.raises(Unavailable, match=told):
            say(github.connect(api.environ(), httpx.MockTransport(answer)), 7, "preview", "x")


def test_what_a_workflow_did_not_hand_on_is_named() -> None:
    with pytest.raises(CareslotError, match="GITHUB_REPOSITORY, GITHUB_TOKEN not set"):
        github.connect({})


def test_what_changed_is_read_from_the_working_tree(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=T", "-c", "user.email=t@careslot.example"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    releases = tmp_path / "gitops" / "releases"
    releases.mkdir(parents=True)
    for name in ("kept", "changed", "gone"):
        (releases / name).write_text("1", "utf-8")
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "Begin")
    (releases / "changed").write_text("2", "utf-8")
    (releases / "built").mkdir()
    (releases / "built" / "new one").write_text("3", "utf-8")
    (tmp_path / "elsewhere").write_text("4", "utf-8")
    assert changed(tmp_path, ["gitops/releases"]) == {
        "gitops/releases/changed": "2",
        "gitops/releases/built/new one": "3",
    }
    (releases / "gone").unlink()
    with pytest.raises(Invalid, match="gone, and a promotion deletes nothing"):
        changed(tmp_path, ["gitops/releases"])
