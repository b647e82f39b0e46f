"""The committed workflows are clean, and every fault planted in a copy of them is found, with file and place."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from environments.model import load_environment, names
from pipelines.workflows import check, linters, lock, reading, rules
from services.kernel.errors import Invalid
from tests.repository.tree import ROOT

LINTERS = pytest.mark.skipif(not linters.BIN.is_dir(), reason=f"needs .venv-workflows: {linters.MAKE_IT}")
SHA = "08c6903cd8c0fde910a37f88322edcfb5dd907a8"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    (tmp_path / ".git").mkdir()
    return tmp_path


def plant(root: Path, file: str, before: str, after: str) -> str:
    path = root / ".github" / file
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), "utf-8")
    return f".github/{file}"


def test_the_page_names_every_workflow_and_variable() -> None:
    page = (ROOT / ".github" / "README.md").read_text("utf-8")
    workflows = list((ROOT / ".github" / "workflows").glob("*.yml"))
    assert {f.stem for f in workflows} <= set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    used = {name for f in workflows for name in re.findall(r"\bvars\.(\w+)", f.read_text("utf-8"))}
    variables = page.partition("| variable | what |")[2]
    assert used == set(re.findall(r"`([A-Z_]+)`", variables))


@LINTERS
def test_committed_workflows_are_clean() -> None:
    assert check.findings() == []


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("workflows/verify.yml", f"@{SHA} # v5.0.0", "@v5 # v5", "pinned by v5"),
        ("workflows/verify.yml", SHA, "1" * 40, "but the lock says"),
        ("workflows/verify.yml", "# v5.0.0", "# v4.2.2", "but the lock says"),
        ("workflows/verify.yml", f"actions/checkout@{SHA}", f"someone/checkout@{SHA}", "is not in"),
        ("actions.lock.yaml", "sigstore/cosign-installer", "sigstore/another", "no workflow uses it"),
    ],
)
def test_lock_and_uses_agree_both_ways(copy: Path, file: str, before: str, after: str, told: str) -> None:
    path = plant(copy, file, before, after)
    found = lock.findings(copy)
    assert any(told in one.what and one.path == path for one in found), found


def test_lock_that_says_nothing_clear_is_refused(copy: Path) -> None:
    plant(copy, "actions.lock.yaml", SHA, SHA[:7])
    with pytest.raises(Invalid, match=r"actions\.lock\.yaml: 1\.sha"):
        lock.load(copy)
    plant(copy, "actions.lock.yaml", SHA[:7], SHA)
    plant(copy, "actions.lock.yaml", "actions/download-artifact", "actions/checkout")
    with pytest.raises(Invalid, match="there twice"):
        lock.load(copy)


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("scan.yml", "permissions: {}\n", "permissions:\n  contents: read\n", "grants rights to every job"),
        ("verify.yml", "  pull_request:\n", "  pull_request_target:\n", "a stranger's words"),
        ("verify.yml", "    timeout-minutes: 15\n", "", "six hours"),
        ("verify.yml", "      contents: read\n", "      contents: write\n", "may write contents"),
        ("verify.yml", "    permissions: {}\n", "", "says not what it may"),
        ("drift.yml", "concurrency:\n  group: drift\n  cancel-in-progress: false\n", "", "two runs may meet"),
        ("drift.yml", "    environment: ${{ matrix.environment }}-preview\n", "", "no environment protects"),
        ("drift.yml", "-preview\n          aws", "-deploy\n          aws", "but the job runs in"),
        ("drift.yml", "careslot-${{ matrix.environment }}-preview\n", "admin\n", "none of infra"),
        ("drift.yml", "aws-region:", "aws-secret-access-key: x\n          aws-region:", "more than"),
        ("verify.yml", "persist-credentials: false", "fetch-tags: true", "leaves the token"),
        ("verify.yml", ".venv/bin/careslot verify lint", "pip install x", "'pip install x' is no verb"),
        ("verify.yml", "PART: ${{ matrix.part }}", "PART: ${{ secrets.KEY }}", "stored secret"),
        ("verify.yml", "actions/install", "actions/instal", "is not there"),
    ],
)  # fmt: skip
def test_our_rules_find_what_is_planted(copy: Path, file: str, before: str, after: str, told: str) -> None:
    path = plant(copy, f"workflows/{file}", before, after)
    found = rules.findings(copy)
    assert any(told in one.what and one.path == path for one in found), found


@LINTERS
def test_linters_find_what_is_planted(copy: Path) -> None:
    plant(copy, "workflows/verify.yml", "needs: affected", "needs: afected")
    plant(copy, "workflows/promote.yml", 'careslot soak "$SERVICE"', 'careslot soak "${{ inputs.service }}" $UNQUOTED')
    plant(copy, "workflows/drift.yml", "          persist-credentials: false", "          fetch-depth: 1")
    found = {(one.path.rpartition("/")[2], one.what) for one in linters.findings(copy)}
    for file, told in (
        ("verify.yml", "afected"),
        ("promote.yml", "SC2086"),
        ("promote.yml", "zizmor template-injection"),
        ("drift.yml", "zizmor artipacked"),
    ):
        assert any(file == path and told in what for path, what in found), (file, told, found)


@LINTERS
def test_inputs_are_checked_where_actions_have_tags_again(copy: Path) -> None:
    wrong = {
        "verify.yml": ("fetch-depth:", "fetch-dept:"),
        "drift.yml": ("role-to-assume:", "role-to-asume:"),
        "build.yml": ("subject-digest:", "subject-digests:"),
        "preview.yml": ("retention-days:", "retention-dais:"),
    }
    for file, (right, typo) in wrong.items():
        plant(copy, f"workflows/{file}", right, typo)
    assert not linters.actionlint(copy)
    told = [one.what for one in linters.actionlint_by_tag(copy)]
    missed = [typo for _, typo in wrong.values() if not any(typo.rstrip(":") in what for what in told)]
    assert not missed, told


def test_nothing_to_lint_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no workflows"):
        linters.actionlint(tmp_path)


def test_a_use_is_read_from_its_line(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "x.yml").write_text(
        f"on: push\njobs:\n  - uses: a/b/c@{SHA} # v1.2.3\n  - uses: $/.github/actions/install\n"
    )
    one, two = reading.uses(tmp_path)
    assert (one.line, one.repository, one.ref, one.tag, one.ours) == (3, "a/b", SHA, "v1.2.3", False)
    assert two.ours
    assert reading.load(folder / "x.yml")["on"] == "push"


def test_matrices_name_the_environments_and_regions_there_are() -> None:
    drift = reading.load(ROOT / ".github/workflows/drift.yml")["jobs"]
    places = {(name, region) for name in names() for region in load_environment(name).regions}
    assert {(row["environment"], row["region"]) for row in drift["clusters"]["strategy"]["matrix"]["include"]} == places
    assert set(drift["aws"]["strategy"]["matrix"]["environment"]) == set(names())
    failover = reading.load(ROOT / ".github/workflows/failover.yml")["on"]["workflow_dispatch"]["inputs"]
    assert set(failover["to"]["options"]) == set(load_environment("prod").regions)
