"""What a change reaches: by imports, by files read and by calls; and that nothing is not taken for all well."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipelines.delivery import affected as verb
from pipelines.delivery import parts
from pipelines.delivery.parts import Part, affected
from pipelines.verify import CHECKS
from services.kernel.errors import Invalid
from tests.repository.tree import ROOT, files


def reached(*changed: str) -> set[str]:
    return {part.name for part in affected(changed)}


@pytest.mark.parametrize(
    ("changed", "among", "not_among"),
    [
        ("services/booking/usecases/taking.py", {"services/booking", "journeys"}, {"services/directory", "infra"}),
        # Who calls a service over the network depends on it, though no import says so.
        ("services/booking/api/hot.py", {"services/waitlist", "services/portal"}, {"services/audit"}),
        ("services/kernel/clock.py", {"services/booking", "services/portal"}, set()),
        ("services/contracts/catalogue/booking.yaml", {"services/booking", "infra", "policies", "pipelines"}, set()),
        ("environments/prod.yaml", {"environments", "infra"}, {"services/booking"}),
        ("infra/components/delivery.py", {"infra", "pipelines"}, {"services/booking"}),
        ("policies/access/staff.cedar", {"policies", "services/booking"}, {"infra"}),
        (".github/workflows/scan.yml", {"workflows"}, {"infra", "services/booking"}),
        ("tests/services/booking/test_x.py", {"services/booking"}, {"services/portal", "infra"}),
        ("docs/tour.md", {"repository"}, {"infra", "journeys"}),
        ("services/waitlist/migrations/0009.sql", {"services/waitlist"}, {"services/audit"}),
    ],
)
def test_a_change_reaches_what_depends_on_it(changed: str, among: set[str], not_among: set[str]) -> None:
    found = reached(changed)
    assert among | {"repository"} <= found
    assert not not_among & found


@pytest.mark.parametrize("changed", ["Makefile", "requirements/runtime.txt", "tests/conftest.py", "pyproject.toml"])
def test_what_everything_is_made_with_reaches_everything(changed: str) -> None:
    assert reached(changed) == set(parts.names())


@pytest.mark.parametrize(
    ("changed", "told"), [((), "nothing differs"), (("attic/x.py", "docs/a.md"), r"attic/x\.py: of no part")]
)
def test_a_filter_that_matches_nothing_is_an_error(changed: tuple[str, ...], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        affected(changed)


def test_every_file_of_the_repository_belongs_to_a_part_that_something_verifies() -> None:
    found = affected(str(file) for file in files())
    assert [part.name for part in found if not part.tests and not part.checks] == []
    assert {part.name for part in found} == set(parts.names())


def test_every_check_is_one_of_verify() -> None:
    assert {check for checks in parts.CHECKS.values() for check in checks} <= set(CHECKS)
    assert set(parts.CHECKS) <= set(parts.names())


def test_changed_files_are_those_since_the_branch_left(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=T", "-c", "user.email=t@careslot.example"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    for name in ("kept", "gone", "moved"):
        (tmp_path / name).write_text(name, "utf-8")
    git("add", "-A")
    git("commit", "-qm", "Begin")
    git("checkout", "-qb", "work")
    (tmp_path / "gone").unlink()
    (tmp_path / "moved").rename(tmp_path / "moved there")
    git("commit", "-qam", "Work")
    (tmp_path / "new").write_text("new", "utf-8")
    assert sorted(verb.changed_since("main", tmp_path)) == ["gone", "moved", "moved there", "new"]
    with pytest.raises(Invalid, match="nowhere"):
        verb.changed_since("nowhere", tmp_path)


def test_a_part_is_verified_by_its_tests_and_its_checks() -> None:
    part = Part("workflows", ("tests/github",), ("workflows",), ("x",))
    checks = verb.checks_of(part)
    assert list(checks) == ["test", "workflows"]
    assert checks["test"].runs == ("make", "test", "ARGS=tests/github")
    assert list(verb.checks_of(Part("x", (), ("workflows",), ("x",)))) == ["workflows"]
    assert (ROOT / "tests/github").is_dir()
