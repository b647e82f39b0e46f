"""Attestations: what shows that an image was built by our pipeline, from our repository, out of reviewed code.

The build leaves a Sigstore bundle (`actions/attest-build-provenance`): an in-toto statement about the image's digest,
signed with a key whose certificate says which workflow of which repository held it. Read here without a network: the
statement, the signature, and what the certificate says. That the certificate is itself genuine (its chain up to
Sigstore or GitHub, its place in the transparency log) is for `gh attestation verify`; see docs/decisions/0158.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from services.kernel.errors import Invalid, Unavailable

# Images of service X are called REGISTRY/careslot/X (infra/components/registry.py).
PREFIX = "careslot"
BUILDER = ".github/workflows/build.yml"
TRUNK = "refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
PAYLOAD = "application/vnd.in-toto+json"
# https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
FULCIO = "1.3.6.1.4.1.57264.1."
SAID = {"issuer": "8", "repository": "12", "commit": "13", "ref": "14", "runner": "11"}
GET_GH = "https://cli.github.com tells how to get `gh`; it must be on PATH and signed in to GitHub and the registry"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Signature(_Part):
    sig: Base64Bytes


class _Envelope(_Part):
    payload: Base64Bytes
    payload_type: str = Field(alias="payloadType")
    signatures: tuple[_Signature, ...] = Field(min_length=1)

    def signed(self) -> bytes:
        """Return what the signature is over (DSSE's pre-authentication encoding)."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)


class _Certificate(_Part):
    raw: Base64Bytes = Field(alias="rawBytes")


class _Chain(_Part):
    certificates: tuple[_Certificate, ...] = Field(min_length=1)


class _Material(_Part):
    certificate: _Certificate | None = None
    chain: _Chain | None = Field(default=None, alias="x509CertificateChain")

    def leaf(self) -> bytes:
        found = self.certificate or (self.chain.certificates[0] if self.chain else None)
        if found is None:
            raise Invalid("the attestation was signed without a certificate: nothing says by whom")
        return found.raw


class _Bundle(_Part):
    material: _Material = Field(alias="verificationMaterial")
    envelope: _Envelope = Field(alias="dsseEnvelope")


class _Subject(_Part):
    name: str
    digest: dict[str, str]


class _Statement(_Part):
    kind: str = Field(alias="_type")
    subjects: tuple[_Subject, ...] = Field(alias="subject", min_length=1)
    predicate_type: str = Field(alias="predicateType")


@dataclass(frozen=True, slots=True)
class Attested:
    """What an attestation says of an image: its name without digest, and where it was built from what."""

    image: str
    digest: str
    commit: str
    builder: str
    repository: str


def read(text: str, service: str, digest: str, repository: str) -> Attested:
    """Check a bundle (JSON, or a line of it each as `gh attestation download` writes them) for one image.

    ``repository`` is ours, OWNER/NAME. Raise Invalid saying what speaks against every one of the bundles.
    """
    against: list[str] = []
    for bundle in _bundles(text):
        try:
            return _judge(bundle, service, digest, repository)
        except Invalid as fault:
            against.append(fault.detail)
    raise Invalid("; ".join(dict.fromkeys(against)))


def confirm(file: Path, attested: Attested) -> None:
    """Have GitHub's command verify a bundle up to its roots; raise Invalid if it refuses, Unavailable without it."""
    gh = shutil.which("gh")
    if gh is None:
        raise Unavailable(f"nothing here can check who issued the certificate of {attested.digest[:19]}. {GET_GH}.")
    asked = [
        gh, "attestation", "verify", f"oci://{attested.image}@{attested.digest}", "--bundle", str(file),
        "--repo", attested.repository, "--cert-identity", attested.builder, "--predicate-type", PROVENANCE,
        "--source-ref", TRUNK, "--source-digest", attested.commit, "--deny-self-hosted-runners",
    ]  # fmt: skip
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Invalid(
            f"`gh attestation verify` refuses {attested.digest[:19]}: {said[-1] if said else 'no reason given'}"
        )


def _bundles(text: str) -> list[_Bundle]:
    try:
        try:
            documents = [json.loads(text)]
        except json.JSONDecodeError:
            documents = [json.loads(line) for line in text.splitlines() if line.strip()]
        found = [_Bundle.model_validate(document) for document in documents]
    except json.JSONDecodeError:
        raise Invalid("the attestation is not JSON: it is the bundle that the build's attest step wrote") from None
    except ValidationError as fault:
        told = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in fault.errors())
        raise Invalid(f"the attestation is not a Sigstore bundle: {told}") from None
    if not found:
        raise Invalid("the attestation is empty")
    return found


def _judge(bundle: _Bundle, service: str, digest: str, repository: str) -> Attested:
    certificate = _signer(bundle)
    said = {word: _extension(certificate, number) for word, number in SAID.items()}
    builder = f"https://github.com/{repository}/{BUILDER}@{TRUNK}"
    expected = (
        ("the key's issuer", said["issuer"], ISSUER),
        ("the repository", said["repository"], f"https://github.com/{repository}"),
        ("the branch", said["ref"], TRUNK),
        ("the builder", _identity(certificate), builder),
        ("the runner", said["runner"], "github-hosted"),
    )
    for what, is_, must in expected:
        if is_ != must:
            raise Invalid(f"{what} of the attestation is {is_ or 'not told'}, it must be {must}")
    return Attested(_image(_statement(bundle), service, digest), digest, said["commit"], builder, repository)


def _signer(bundle: _Bundle) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(bundle.material.leaf())
    except ValueError:
        raise Invalid("the attestation's certificate cannot be read") from None
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Invalid("the attestation's key is of no kind that Sigstore issues (ECDSA)")
    digest = hashes.SHA384() if key.curve.key_size == 384 else hashes.SHA256()
    try:
        for signature in bundle.envelope.signatures:
            key.verify(signature.sig, bundle.envelope.signed(), ec.ECDSA(digest))
    except InvalidSignature:
        raise Invalid("the attestation was changed after it was signed: its signature does not fit") from None
    return certificate


def _identity(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    return ", ".join(names.get_values_for_type(x509.UniformResourceIdentifier))


def _extension(certificate: x509.Certificate, number: str) -> str:
    try:
        found = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(FULCIO + number)).value
        return asn1.decode_der(str, found.value) if isinstance(found, x509.UnrecognizedExtension) else ""
    except (x509.ExtensionNotFound, ValueError):
        return ""


def _statement(bundle: _Bundle) -> _Statement:
    try:
        statement = _Statement.model_validate_json(bundle.envelope.payload)
    except ValidationError:
        raise Invalid("the attestation holds no in-toto statement") from None
    kinds: dict[str, Any] = {bundle.envelope.payload_type: PAYLOAD, statement.kind: STATEMENT}
    if wrong := [kind for kind, must in kinds.items() if kind != must]:
        raise Invalid(f"the attestation is a {wrong[0]}, it must be a {kinds[wrong[0]]}")
    if statement.predicate_type != PROVENANCE:
        raise Invalid(f"the attestation states {statement.predicate_type}, it must state {PROVENANCE}")
    return statement


def _image(statement: _Statement, service: str, digest: str) -> str:
    """Return the subject that is this service's image with this digest."""
    algorithm, _, value = digest.partition(":")
    about = {subject.name: subject.digest.get(algorithm, "") for subject in statement.subjects}
    if value not in about.values():
        told = ", ".join(f"{name}@{algorithm}:{of}" for name, of in about.items())
        raise Invalid(f"the attestation is about {told}, not about {digest}")
    for name, of in about.items():
        if of == value and name.endswith(f"/{PREFIX}/{service}"):
            return name
    raise Invalid(f"{digest} is attested as {', '.join(about)}, which is no image of {service}")
