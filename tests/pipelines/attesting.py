"""Attestations like those of GitHub's builds, signed by keys made here: only `gh` could tell the difference."""

from __future__ import annotations

import base64
import json
import os
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

REPOSITORY = "careslot-health/careslot"
REGISTRY = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
BUILDER = f"https://github.com/{REPOSITORY}/.github/workflows/build.yml@refs/heads/main"


@dataclass(frozen=True)
class Said:
    """What an attestation says; each field may be made wrong."""

    service: str = "booking"
    digest: str = "sha256:" + "a" * 64
    builder: str = BUILDER
    extensions: dict[str, str] = field(default_factory=dict)
    predicate: str = "https://slsa.dev/provenance/v1"
    payload_type: str = "application/vnd.in-toto+json"

    def bundle(self, *, tampered: bool = False) -> str:
        """Return the bundle as the attest step writes it."""
        algorithm, _, value = self.digest.partition(":")
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": f"{REGISTRY}/careslot/{self.service}", "digest": {algorithm: value}}],
            "predicateType": self.predicate,
            "predicate": {"buildDefinition": {}},
        }
        payload, kind = json.dumps(statement).encode(), self.payload_type.encode()
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
        signature = _key().sign(signed, ec.ECDSA(hashes.SHA256()))
        kept = payload.replace(b"buildDefinition", b"buildDefinitions") if tampered else payload
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "verificationMaterial": {"certificate": {"rawBytes": _text(self._certificate())}, "tlogEntries": []},
                "dsseEnvelope": {
                    "payload": _text(kept),
                    "payloadType": self.payload_type,
                    "signatures": [{"sig": _text(signature)}],
                },
            }
        )

    def _certificate(self) -> bytes:
        said = {
            "8": "https://token.actions.githubusercontent.com",
            "11": "github-hosted",
            "12": f"https://github.com/{REPOSITORY}",
            "13": "c" * 40,
            "14": "refs/heads/main",
        } | self.extensions
        nobody, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made for a test")]), datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(nobody)
            .issuer_name(nobody)
            .public_key(_key().public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(minutes=10))
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(self.builder)]), critical=True)
        )
        for number, value in said.items():
            oid = x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}")
            made = made.add_extension(x509.UnrecognizedExtension(oid, asn1.encode_der(value)), critical=False)
        return made.sign(_key(), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def stand_in_gh(folder: Path, *, refuses: str = "") -> Path:
    """Put a command `gh` into a folder that writes its words into gh.txt beside it, and refuses if told to."""
    folder.mkdir(exist_ok=True)
    gh = folder / "gh"
    ending = f"echo '{refuses}' >&2; exit 1" if refuses else "exit 0"
    gh.write_text(f'#!/bin/sh\necho "$@" >> "{folder}/gh.txt"\n{ending}\n', "utf-8")
    gh.chmod(gh.stat().st_mode | stat.S_IXUSR)
    return folder


def path_with(folder: Path | None) -> str:
    """Return a PATH with git and, if a folder is given, what is in there; without a `gh` of the machine's own."""
    usual = [part for part in os.environ["PATH"].split(os.pathsep) if not (Path(part) / "gh").exists()]
    return os.pathsep.join([str(folder), *usual] if folder else usual)


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
