"""Release files: three lines, and a past in git."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from environments import model
from pipelines.releases import FOLDER, NOTHING_BUILT, ORDER, Release, Releases, before, checked, released
from services.kernel.errors import Invalid, NotFound, Unavailable
from tests.pipelines.releasing_in import commit, digest, put, repository

A, B, C = digest("a"), digest("b"), digest("c")


def test_every_environment_has_its_place_in_the_order() -> None:
    assert sorted(ORDER) == sorted(model.names())
    assert [before(name) for name in ORDER[1:]] == list(ORDER[:-1])
    with pytest.raises(Invalid, match="where a digest starts"):
        before("dev")
    with pytest.raises(Invalid, match="no environment is called 'test'"):
        before("test")


@pytest.mark.parametrize("wrong", ["latest", "sha256:abc", A.upper(), A + "0", NOTHING_BUILT])
def test_only_a_digest_is_a_digest(wrong: str) -> None:
    with pytest.raises(Invalid):
        checked(wrong)


def test_a_release_is_three_lines(tmp_path: Path) -> None:
    put(tmp_path, "dev", "booking", A)
    releases = Releases(tmp_path)
    found = releases.load("dev", "booking")
    assert found == Release(digest=A, automatic=True, promote=True)
    assert found.text() == f"digest: {A}\nautomatic: true\npromote: true\n"
    assert found.built
    assert not Release(digest=NOTHING_BUILT, automatic=True, promote=True).built
    assert releases.every() == {("dev", "booking"): found}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("digest: latest\nautomatic: true\npromote: true\n", "dev/booking.yaml: digest: "),
        (f"digest: {A}\nautomatic: true\n", "dev/booking.yaml: promote: Field required"),
        (f"digest: {A}\nautomatic: true\npromote: true\nimage: x\n", "dev/booking.yaml: image: Extra"),
        ("digest: [", "dev/booking.yaml is not YAML"),
        ("", "dev/booking.yaml: it: "),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, text: str, told: str) -> None:
    put(tmp_path, "dev", "booking", A)
    (tmp_path / FOLDER / "dev" / "booking.yaml").write_text(text, "utf-8")
    with pytest.raises(Invalid, match=told):
        Releases(tmp_path).load("dev", "booking")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"dev/booking.yaml: there is no such release"):
        Releases(tmp_path).load("dev", "booking")
    with pytest.raises(Invalid, match="portal is not released by a file; these are: audit, availability, booking"):
        Releases(tmp_path).load("dev", "portal")
    assert "booking" in released()


def test_every_service_of_the_clusters_has_its_releases(root: Path) -> None:
    assert set(Releases(root).every()) == {(environment, service) for environment in ORDER for service in released()}


def test_the_past_is_what_was_committed_less_what_was_taken_back(tmp_path: Path) -> None:
    root = repository(tmp_path)
    releases = Releases(root)
    for step in (NOTHING_BUILT, A, B):
        put(root, "dev", "booking", step)
        commit(root)
    put(root, "dev", "booking", C)
    assert releases.past("dev", "booking") == (A, B)
    commit(root)
    assert releases.past("dev", "booking") == (A, B, C)
    put(root, "dev", "booking", B, automatic=False)
    commit(root)
    assert releases.past("dev", "booking") == (A, B)


def test_without_its_whole_history_there_is_no_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "whole").mkdir()
    root = repository(tmp_path / "whole")
    for step in (A, B):
        put(root, "dev", "booking", step)
        commit(root)
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{root}", str(shallow)], check=True)
    with pytest.raises(Unavailable, match="git fetch --unshallow"):
        Releases(shallow).past("dev", "booking")
    shutil.rmtree(shallow / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(Unavailable, match="git rev-parse in"):
        Releases(shallow).past("dev", "booking")
