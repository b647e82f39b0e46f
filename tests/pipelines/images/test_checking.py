"""The Dockerfile's shape, the pins, and the way of released digests: each fault planted, each told."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.images import checking
from pipelines.images.building import DOCKERFILE, REQUIREMENTS
from pipelines.releases import NOTHING_BUILT, ORDER, Releases
from pipelines.releasing import record_of
from tests.pipelines.attesting import Said
from tests.pipelines.releasing_in import commit, digest, put, repository

A, B = digest("a"), digest("b")
PINS = "fastapi==1.0 \\\n    --hash=sha256:ab\n"


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    """Our Dockerfile."""
    return (root / DOCKERFILE).read_text("utf-8")


def test_ours_are_in_order() -> None:
    assert checking.check() == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("USER 10001:10001", "USER root", "does not end as a numbered user"),
        ("USER 10001:10001", "USER 0", "does not end as a numbered user"),
        ("USER 10001:10001\n", "", "does not end as a numbered user"),
        ("HEALTHCHECK", "# HEALTHCHECK", "has no HEALTHCHECK"),
        ("FROM ${BASE}", "FROM python:3.13", "names a base itself"),
        ("ARG BASE\n", "ARG BASE=python:3.13\n", "gives the base a default"),
        ("--require-hashes ", "", "not pinned by hash"),
        ("--only-binary :all: ", "", "runs code of packages"),
        ("WORKDIR /app", "RUN apt-get install -y curl", "builds in the last stage"),
        ("WORKDIR /app", "ADD https://example.org/x /x", "fetches by ADD"),
        ('ENTRYPOINT ["python3", "/app/start.py"]', "ENTRYPOINT python3 /app/start.py", "ENTRYPOINT in exec form"),
    ],
)
def test_a_fault_in_the_dockerfile_is_told(text: str, old: str, new: str, told: str) -> None:
    assert old in text
    found = [one.what for one in checking.shape(text.replace(old, new))]
    assert any(told in what for what in found), found


def test_one_stage_is_told() -> None:
    assert any("has one stage" in one.what for one in checking.shape("ARG BASE\nFROM ${BASE}\nUSER 1\n"))


def test_hadolint_is_asked(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp && pip install x\n", "utf-8")
    codes = {one.todo for one in checking.lint(tmp_path / "Dockerfile")}
    assert {"hadolint DL3007", "hadolint DL3003"} <= codes


@pytest.mark.parametrize(
    ("pins", "told"),
    [
        (PINS.replace("1.0", "2.0"), "is not what requirements/runtime.txt says"),
        ("fastapi==1.0\n", "has pins without a hash"),
        (PINS + "typer==1.0 \\\n    --hash=sha256:cd\n", "has no business in production"),
    ],
)
def test_a_fault_in_the_pins_is_told(pins: str, told: str) -> None:
    assert list(checking.pinned({"image": PINS}, PINS)) == []
    (found,) = checking.pinned({"image": pins}, PINS + "typer==1.0 \\\n")
    assert found.path == str(REQUIREMENTS["image"])
    assert told in found.what


def test_a_digest_is_attested_and_came_the_usual_way(tmp_path: Path) -> None:
    root = repository(tmp_path)

    def faults() -> list[tuple[str, str]]:
        return [(one.path.removeprefix("gitops/releases/"), one.what) for one in checking.released(Releases(root))]

    def record(which: str) -> None:
        file = root / record_of("booking", which)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Said(digest=which).bundle(), "utf-8")

    for environment in ORDER:
        put(root, environment, "booking", NOTHING_BUILT)
    assert faults() == []
    put(root, "dev", "booking", A)
    ((path, what),) = faults()
    assert (path, "was not built and attested" in what) == ("dev/booking.yaml", True)
    record(A)
    put(root, "staging", "booking", A)
    commit(root)
    assert faults() == []
    put(root, "dev", "booking", B)
    record(B)
    assert faults() == []  # staging runs what dev ran
    put(root, "prod", "booking", B)
    assert faults() == [("prod/booking.yaml", "was never released to staging")]
    put(root, "prod", "booking", A)
    put(root, "staging", "booking", NOTHING_BUILT)
    assert ("staging/booking.yaml", "says that nothing is built, and something was") in faults()
