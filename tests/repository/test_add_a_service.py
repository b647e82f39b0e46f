"""The how-to page "Add a service", followed step by step on a copy of the repository; and what then picks it up.

The page's own blocks run, in a copy of the files git knows. What costs half a minute on the page (whole environments,
`make up`) is asked of its parts here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from environments.model import load_environment
from infra.assembly import assemble
from infra.recording.graph import Graph
from infra.recording.record import run
from infra.stacks import Stack
from policies.rules.every import RULES
from policies.rules.judging import Verdict, judged
from services.contracts.catalogue import load_catalogue
from tests.fixtures.estate import recorded
from tests.repository.tree import ROOT, files, read

PAGE = Path("docs/how-to/add-a-service.md")
NAME = "wayfinding"
# What is asked of the copy's own code, in one process of its own: catalogue, laptop, charts, and the service itself.
ASKED = """
import json, asyncio, httpx
from services.local.openapi import services, stale
from services.contracts.catalogue.model import FOLDER
from pipelines.gitops.rendering import render_estate, unbuilt
from pipelines.gitops.verify import judged
from services.wayfinding.main import create

async def answers():
    app = create()
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
            found = [await http.get(path) for path in ("/livez", "/entrances/fac-0001", "/entrances/fac-9", "/metrics")]
            return [one.status_code for one in found], found[1].json()

estate = render_estate()
print(json.dumps({
    "folder": str(FOLDER), "served": list(services()), "stale": stale(), "unbuilt": list(unbuilt()),
    "clusters": {" ".join(key): sorted({m.document["kind"] for m in found if m.service == "wayfinding"})
                 for key, found in estate.items()},
    "rollouts": [m.document["spec"] for found in estate.values() for m in found
                 if m.service == "wayfinding" and m.document["kind"] == "Rollout"],
    "wrong": [str(one) for one in judged(estate)],
    "answers": asyncio.run(answers()),
}))
"""


@dataclass(frozen=True)
class Copy:
    """The repository after the page was followed."""

    root: Path
    before: frozenset[str]
    written_by_hand: frozenset[str]
    told: dict[str, Any]

    def now(self) -> frozenset[str]:
        return known(self.root)


def known(root: Path) -> frozenset[str]:
    found = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return frozenset(name for name in found.split("\0") if name)


def blocks(text: str) -> list[str]:
    """Return the commands of a page, block by block."""
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    if not (ROOT / ".venv-helm" / "bin" / "python").is_file():
        pytest.skip("needs .venv-helm: run `make .venv-helm/.installed`")
    root = tmp_path_factory.mktemp("copy") / "careslot"
    for file in files():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, root / file)
    (root / ".cache").mkdir()
    (root / ".venv-helm").symlink_to(ROOT / ".venv-helm")
    python = ROOT / ".venv" / "bin" / "python"
    # Compiled once for all the commands, whatever the machine says of compiled files.
    here = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment = {**here, "PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"}
    # What `make install` would make in the copy: the command, with the copy's own code.
    (root / ".venv" / "bin").mkdir(parents=True)
    command = root / ".venv" / "bin" / "careslot"
    command.write_text(f'#!/bin/sh\nexec "{python}" -c "from pipelines.main import main; main()" "$@"\n', "utf-8")
    command.chmod(0o755)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    # A link is no folder to .gitignore.
    (root / ".git" / "info" / "exclude").write_text(".venv-helm\n", "utf-8")
    before = known(root)
    by_hand: frozenset[str] = frozenset()
    for number, block in enumerate(blocks(read(PAGE))):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{PAGE}, block {number + 1}: {done.stderr}"
        if "careslot" not in block.split("\n")[0]:
            by_hand = known(root) - before
    asked = subprocess.run(
        [str(python), "-c", ASKED],
        cwd=root,
        env={**environment, **SETTINGS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    return Copy(root, before, by_hand, json.loads(asked.stdout.splitlines()[-1]))


SETTINGS = {
    "CARESLOT_TOKEN_ISSUER": "https://issuer.test", "CARESLOT_TOKEN_AUDIENCES": "a",
    "CARESLOT_TOKEN_JWKS_URL": "https://issuer.test/keys",
    "CARESLOT_ACCESS_POLICIES": str(ROOT / "policies" / "access"),
}  # fmt: skip


def test_one_entry_its_code_and_one_release_are_all_that_is_written(copy: Copy) -> None:
    code = {name for name in copy.written_by_hand if name.startswith(f"services/{NAME}/")}
    assert code
    assert copy.written_by_hand - code == {
        f"services/contracts/catalogue/{NAME}.yaml", f"gitops/releases/dev/{NAME}.yaml"
    }  # fmt: skip


def test_documents_are_made_from_it(copy: Copy) -> None:
    slos = {f"gitops/platform/slos/{kind}/{NAME}.yaml" for kind in ("dashboards", "rules")}
    made = copy.now() - copy.before - copy.written_by_hand
    assert made == {f"services/contracts/openapi/{NAME}.json", *slos}
    changed = {name for name in copy.before if (copy.root / name).read_bytes() != (ROOT / name).read_bytes()}
    assert changed == {"README.md", "gitops/platform/slos/dashboards/overview.yaml"}
    assert f"| **{NAME}** |" in (copy.root / "README.md").read_text("utf-8")
    assert copy.told["stale"] == []


def test_the_laptop_runs_it(copy: Copy) -> None:
    assert copy.told["folder"].startswith(str(copy.root)), "the copy's own code was asked"
    assert NAME in copy.told["served"]
    assert copy.told["answers"] == [
        [200, 200, 404, 200], {"facility": "fac-0001", "entrance": "East entrance, beside the garden"}
    ]  # fmt: skip


def test_the_chart_brings_it_to_the_clusters_of_its_release(copy: Copy) -> None:
    brought = {cluster for cluster, kinds in copy.told["clusters"].items() if kinds}
    assert brought == {"dev us-east-1"}
    assert {"Application", "Rollout", "NetworkPolicy", "Service", "Namespace"} <= set(
        copy.told["clusters"]["dev us-east-1"]
    )
    assert f"gitops/releases/dev/{NAME}.yaml" in copy.told["unbuilt"]
    (rollout,) = copy.told["rollouts"]
    (container,) = rollout["template"]["spec"]["containers"]
    assert 8190 in [port["containerPort"] for port in container["ports"]]


def test_clusters_have_all_that_it_needs_and_let_it_do_nothing_more(copy: Copy) -> None:
    assert copy.told["wrong"] == []


@pytest.fixture(scope="module")
def region(copy: Copy) -> Graph:
    """Record dev's region as the copy's catalogue makes it; what other stacks publish is as it was."""
    services = load_catalogue(copy.root / "services" / "contracts" / "catalogue")
    stack, dev = Stack.parse("dev-us-east-1"), load_environment("dev")
    published = {below.name: recorded("dev")[below.name].resolved.outputs for below in stack.reads}
    return run(stack, dev, published, known=True, program=lambda one, environment: assemble(one, environment, services))


def test_infra_makes_what_it_needs(region: Graph) -> None:
    ours = {resource.type for resource in region.resources if NAME in resource.name}
    assert ours >= {"aws:iam/role:Role", "aws:eks/podIdentityAssociation:PodIdentityAssociation"}, ours
    assert any(NAME in json.dumps(resource.inputs) for resource in region.resources if "lb/" in resource.type)


def test_policies_judge_it_and_find_nothing(region: Graph) -> None:
    found = [finding for finding in judged(RULES.values(), [region]) if NAME in finding.name]
    assert {finding.verdict for finding in found} >= {Verdict.PASS}
    assert [finding for finding in found if finding.verdict is Verdict.FAIL] == []
