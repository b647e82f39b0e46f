"""Checkov's word about manifests and the Dockerfile is told with the file that renders, and silence is no pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from policies.checkov.delivered import delivered
from services.kernel.errors import Unavailable
from tests.policies.checkov.test_opinion import PINS, results, said

SOURCE = "gitops/charts/service/templates/rollout.yaml"
ROLLOUT = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "b", "namespace": "c"}}


def checkov(folder: Path, manifests: dict[str, Any], image: dict[str, Any]) -> Path:
    """Return a command that answers as told, and keeps what it was shown."""
    command = folder / ".venv-checkov" / "bin" / "checkov"
    command.parent.mkdir(parents=True)
    (folder / PINS).parent.mkdir()
    (folder / PINS).write_text("checkov==3.0\n")
    (folder / "kubernetes").write_text(json.dumps(manifests))
    (folder / "dockerfile").write_text(json.dumps(image))
    shown = f"cat *.yaml > {folder}/shown; cat {folder}/kubernetes"
    answers = f'case "$*" in *kubernetes*) {shown};; *) cat {folder}/dockerfile;; esac'
    command.write_text(f"#!/bin/sh\n{answers}\n")
    command.chmod(0o755)
    return command


def test_a_failure_names_the_file_that_renders(tmp_path: Path) -> None:
    command = checkov(
        tmp_path,
        results(said("CKV_K8S_35", "Deployment.c.b", "FAILED")),
        results(said("CKV_DOCKER_7", "/Dockerfile.FROM", "PASSED")),
    )
    image, manifest = delivered([(SOURCE, ROLLOUT), (SOURCE, ROLLOUT)], command, None)
    assert (manifest.check, manifest.file, manifest.passed) == ("CKV_K8S_35", SOURCE, False)
    assert (image.type, image.file, image.line) == ("dockerfile", "pipelines/images/Dockerfile", 7)
    assert json.loads((tmp_path / "shown").read_text())["kind"] == "Deployment", "Checkov knows no Rollout"


@pytest.mark.parametrize("silent", ["kubernetes", "dockerfile"])
def test_silence_is_no_pass(tmp_path: Path, silent: str) -> None:
    said_of = {
        "kubernetes": results(said("CKV_K8S_35", "Deployment.c.b", "PASSED")),
        "dockerfile": results(said("CKV_DOCKER_7", "/Dockerfile.FROM", "PASSED")),
    }
    said_of[silent] = results()
    with pytest.raises(Unavailable, match="cannot read"):
        delivered([(SOURCE, ROLLOUT)], checkov(tmp_path, said_of["kubernetes"], said_of["dockerfile"]), None)
