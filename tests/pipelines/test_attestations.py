"""Who may say that an image was built: our pipeline, about this very digest, unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.components import registry
from pipelines import attestations
from services.kernel.errors import Invalid, Unavailable
from tests.pipelines.attesting import BUILDER, REPOSITORY, Said, path_with, stand_in_gh

DIGEST = Said().digest


def read(text: str) -> attestations.Attested:
    return attestations.read(text, "booking", DIGEST, REPOSITORY)


def test_what_our_build_says_is_understood() -> None:
    found = read(Said().bundle())
    assert found.image.endswith("/careslot/booking")
    assert (found.digest, found.commit, found.builder) == (DIGEST, "c" * 40, BUILDER)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Said(digest="sha256:" + "b" * 64), "not about sha256:aaaa"),
        (Said(service="waitlist"), "is no image of booking"),
        (Said(builder=BUILDER.replace("build.yml", "other.yml")), "the builder of the attestation is"),
        (Said(builder=BUILDER.replace("main", "feature")), "the builder of the attestation is"),
        (Said(extensions={"8": "https://accounts.example"}), "the key's issuer of the attestation is"),
        (Said(extensions={"12": "https://github.com/someone/careslot"}), "the repository of the attestation is"),
        (Said(extensions={"14": "refs/heads/feature"}), "the branch of the attestation is"),
        (Said(extensions={"11": "self-hosted"}), "the runner of the attestation is self-hosted"),
        (Said(predicate="https://cyclonedx.org/bom"), "states https://cyclonedx.org/bom"),
        (Said(payload_type="text/plain"), "is a text/plain"),
    ],
)
def test_what_another_says_is_refused(said: Said, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        read(said.bundle())


def test_a_changed_statement_is_refused() -> None:
    with pytest.raises(Invalid, match="changed after it was signed"):
        read(Said().bundle(tampered=True))


@pytest.mark.parametrize(
    "text", ["", "no JSON", "{}", "[]", json.dumps({"verificationMaterial": {}, "dsseEnvelope": {}})]
)
def test_what_is_no_bundle_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="the attestation is (empty|not JSON|not a Sigstore bundle)"):
        read(text)


def test_a_bundle_without_certificate_is_refused() -> None:
    document = json.loads(Said().bundle())
    document["verificationMaterial"] = {}
    with pytest.raises(Invalid, match="nothing says by whom"):
        read(json.dumps(document))
    document["verificationMaterial"] = {"certificate": {"rawBytes": "AAAA"}}
    with pytest.raises(Invalid, match="cannot be read"):
        read(json.dumps(document))


def test_one_good_line_of_several_will_do() -> None:
    lines = [Said(predicate="https://cyclonedx.org/bom").bundle(), Said().bundle()]
    assert read("\n".join(lines) + "\n").digest == DIGEST


def test_github_confirms_or_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, file = read(Said().bundle()), tmp_path / "bundle.json"
    monkeypatch.setenv("PATH", path_with(stand_in_gh(tmp_path / "good")))
    attestations.confirm(file, found)
    (asked,) = (tmp_path / "good" / "gh.txt").read_text("utf-8").splitlines()
    assert f"attestation verify oci://{found.image}@{DIGEST} --bundle {file} --repo {REPOSITORY}" in asked
    assert f"--cert-identity {BUILDER}" in asked
    monkeypatch.setenv("PATH", path_with(stand_in_gh(tmp_path / "bad", refuses="no trusted root")))
    with pytest.raises(Invalid, match="refuses sha256:aaaa.*no trusted root"):
        attestations.confirm(file, found)
    monkeypatch.setenv("PATH", path_with(None))
    with pytest.raises(Unavailable, match="must be on PATH"):
        attestations.confirm(file, found)


def test_images_are_called_what_the_registry_calls_them() -> None:
    assert attestations.PREFIX == registry.PREFIX
