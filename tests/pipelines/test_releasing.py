"""A digest's way: released once built and attested, promoted one environment at a time, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pipelines import releasing
from pipelines.releases import FOLDER, NOTHING_BUILT, ORDER, Releases
from pipelines.releasing import attested_record, record_of
from services.kernel.errors import Conflict, Invalid, Unavailable
from tests.pipelines.attesting import Said, path_with, stand_in_gh
from tests.pipelines.releasing_in import commit, digest, put, repository

A, B = digest("a"), digest("b")
Ask = Callable[..., Result]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with nothing built yet, on a machine where `gh` says yes to everything."""
    monkeypatch.setenv("PATH", path_with(stand_in_gh(tmp_path / "bin")))
    (tmp_path / "checkout").mkdir()
    root = repository(tmp_path / "checkout")
    for environment in ORDER:
        put(root, environment, "booking", NOTHING_BUILT)
    commit(root)
    return root


@pytest.fixture
def ask(root: Path) -> Ask:
    """Runs a verb in the checkout; errors come as they were raised."""
    app = typer.Typer()
    releasing.register(app)

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--repository", str(root)], catch_exceptions=False)

    return run


@pytest.fixture
def release(ask: Ask, tmp_path: Path) -> Ask:
    """Releases a digest to dev, with an attestation about it."""

    def run(which: str, *words: str) -> Result:
        (tmp_path / "bundle.json").write_text(Said(digest=which).bundle(), "utf-8")
        return ask("release", "booking", "--digest", which, "--attestation", str(tmp_path / "bundle.json"), *words)

    return run


def runs(root: Path) -> list[str]:
    return [Releases(root).load(environment, "booking").digest for environment in ORDER]


def test_a_digest_goes_its_way_and_back(root: Path, ask: Ask, release: Ask) -> None:
    for which in (A, B):
        done = release(which)
        assert (done.exit_code, f"+digest: {which}" in done.stdout) == (0, True)
        for environment in ("staging", "prod"):
            commit(root)
            assert (
                f"b/gitops/releases/{environment}/booking.yaml" in ask("promote", "booking", "--to", environment).stdout
            )
        commit(root)
    assert runs(root) == [B, B, B]
    back = ask("rollback", "booking", "--env", "prod")
    assert f"-digest: {B}\n-automatic: true\n+digest: {A}\n+automatic: false\n" in back.stdout
    assert runs(root) == [B, B, A]


def test_the_second_time_there_is_nothing_to_do(root: Path, ask: Ask, release: Ask) -> None:
    for which in (A, B):
        assert release(which).exit_code == 0
        commit(root)
    for words in (("promote", "booking", "--to", "staging"), ("rollback", "booking", "--env", "dev")):
        assert ask(*words).stdout
        again = ask(*words)
        assert (again.exit_code, again.stdout) == (0, "")
        assert "nothing to do" in again.stderr
    # Nor once it is committed, if it is said what has to go.
    commit(root)
    assert not ask("rollback", "booking", "--env", "dev", "--from", B).stdout
    put(root, "dev", "booking", B)
    assert not release(B).stdout


def test_what_was_not_attested_is_refused(root: Path, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text(Said(digest=B).bundle(), "utf-8")
    with pytest.raises(Invalid, match="not about sha256:aaaa"):
        ask("release", "booking", "--digest", A, "--attestation", str(tmp_path / "bundle.json"))
    with pytest.raises(Invalid, match="no attestation that can be read"):
        ask("release", "booking", "--digest", A, "--attestation", str(tmp_path / "none.json"))
    put(root, "dev", "booking", A)
    with pytest.raises(Invalid, match="was not built and attested: there is no gitops/releases/built/booking/a"):
        ask("promote", "booking", "--to", "staging")
    assert runs(root)[1:] == [NOTHING_BUILT] * 2


def test_a_record_that_was_changed_is_refused(root: Path, ask: Ask, release: Ask) -> None:
    release(A)
    (root / record_of("booking", A)).write_text(Said(digest=A).bundle(tampered=True), "utf-8")
    with pytest.raises(Invalid, match=r"built/booking/a+\.json: the attestation was changed after it was signed"):
        ask("promote", "booking", "--to", "staging")
    with pytest.raises(Invalid, match="was not built and attested"):
        attested_record(root, "booking", B)


def test_no_environment_is_left_out(root: Path, ask: Ask, release: Ask) -> None:
    release(A)
    with pytest.raises(Conflict, match="staging runs nothing of booking yet: nothing to promote to prod"):
        ask("promote", "booking", "--to", "prod")
    with pytest.raises(Invalid, match="`careslot release` puts it there"):
        ask("promote", "booking", "--to", "dev")
    with pytest.raises(Conflict, match="dev runs sha256:a+ by now, not sha256:b+: have that one approved"):
        ask("promote", "booking", "--to", "staging", "--digest", B)
    assert runs(root) == [A, NOTHING_BUILT, NOTHING_BUILT]


def test_without_a_past_there_is_no_way_back(root: Path, ask: Ask, release: Ask) -> None:
    release(A)
    commit(root)
    with pytest.raises(Conflict, match="nothing was released to dev before of booking"):
        ask("rollback", "booking", "--env", "dev")


def test_unattended_heeds_the_switches(root: Path, ask: Ask, release: Ask) -> None:
    put(root, "dev", "booking", NOTHING_BUILT, automatic=False)
    assert "automatic is false there: a person must release" in release(A, "--unattended").stderr
    assert release(A).stdout
    put(root, "staging", "booking", NOTHING_BUILT, automatic=False)
    assert "automatic is false in staging" in ask("promote", "booking", "--to", "staging", "--unattended").stderr
    assert runs(root) == [A, NOTHING_BUILT, NOTHING_BUILT]
    put(root, "staging", "booking", NOTHING_BUILT)
    assert ask("promote", "booking", "--to", "staging", "--unattended").stdout
    file = root / FOLDER / "staging" / "booking.yaml"
    file.write_text(file.read_text("utf-8").replace("promote: true", "promote: false"), "utf-8")
    assert "promote is false in staging" in ask("promote", "booking", "--to", "prod", "--unattended").stderr
    assert runs(root) == [A, A, NOTHING_BUILT]


def test_without_gh_only_the_first_environment_is_released_to(
    root: Path, ask: Ask, release: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path_with(None))
    assert "not checked: nothing here can check who issued" in release(A).stderr
    with pytest.raises(Unavailable, match="must be on PATH"):
        ask("promote", "booking", "--to", "staging")
    assert runs(root) == [A, NOTHING_BUILT, NOTHING_BUILT]


def test_a_dry_run_shows_and_writes_nothing(root: Path, release: Ask) -> None:
    told = json.loads(release(A, "--dry-run", "--json").stdout)
    assert (told["changed"], told["written"], told["after"]["digest"]) == (True, False, A)
    assert runs(root) == [NOTHING_BUILT] * 3
    assert not (root / record_of("booking", A)).exists()
    told = json.loads(release(A, "--json").stdout)
    assert (told["written"], told["file"], told["unchecked"]) == (True, "gitops/releases/dev/booking.yaml", "")
