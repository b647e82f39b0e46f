"""What a control and a framework are, and how their files are read: a wrong one names file, key and value.

A control says what is done; frameworks say who asks for it. Evidence is only what exists: what names something that is
not there is a fault, as is a rule that no control names.
"""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from policies.files import Strict, read_as, twice
from services.kernel.errors import Invalid

HERE = Path(__file__).parent
FRAMEWORKS = HERE.parent / "frameworks"
Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
# Of our own rules, an admission rule, an access policy, a test by its pytest node id, another tool's check; or of
# somebody else: what AWS answers for, what people must do.
EvidenceKind = Literal["rule", "checkov", "admission", "cedar", "test", "aws", "organisation"]
KINDS: tuple[EvidenceKind, ...] = ("rule", "checkov", "admission", "cedar", "test", "aws", "organisation")
# Standards are what must be met; implementation specifications say how, required or addressable (164.306(d)).
Kind = Literal["general", "standard", "specification", "reference"]
Text = Annotated[str, Field(min_length=10)]


class Requirement(Strict):
    """One entry of a framework, by its own id; ``needs`` says whether a specification is required or addressable."""

    id: str
    title: Annotated[str, Field(min_length=4)]
    kind: Kind
    needs: Literal["required", "addressable"] = "required"
    about: Text


class Framework(Strict):
    """A framework: ``source`` says where its text is, ``version`` as of when it was read."""

    id: Annotated[str, Field(pattern=r"^[a-z]+$")]
    title: str
    version: str
    source: str
    note: str = ""
    requirements: tuple[Requirement, ...]

    @model_validator(mode="after")
    def _ids_once(self) -> Self:
        if again := twice([requirement.id for requirement in self.requirements]):
            raise ValueError(f"requirements: {', '.join(again)} stand there twice")
        return self

    @cached_property
    def by_id(self) -> dict[str, Requirement]:
        """Requirements by id."""
        return {requirement.id: requirement for requirement in self.requirements}


class Evidence(Strict):
    """What shows that a control is done: exactly one kind, and which one of that kind (or, of others, what they do)."""

    rule: str | None = None
    checkov: Annotated[str, Field(pattern=r"^CKV2?_[A-Z]+_\d+$")] | None = None
    admission: str | None = None
    cedar: Annotated[str, Field(pattern=r"^tests/.+\.py::\w+")] | None = None
    test: Annotated[str, Field(pattern=r"^tests/.+\.py::\w+")] | None = None
    aws: Text | None = None
    organisation: Text | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"one of {', '.join(KINDS)}; given: {', '.join(given) or 'none'}")
        return self

    @property
    def kind(self) -> EvidenceKind:
        """Which kind it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def reference(self) -> str:
        """Which one of its kind: a rule's id, a test's node id, a sentence."""
        return str(getattr(self, self.kind))


class Control(Strict):
    """One thing we do: why it matters, how a failure is mended, who asks for it, what shows it."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: Text
    severity: Severity
    why: Text
    fix: Text
    citations: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(min_length=1)
    evidence: tuple[Evidence, ...] = Field(min_length=1)

    def of_kind(self, kind: EvidenceKind) -> tuple[str, ...]:
        """Return the references of its evidence of a kind."""
        return tuple(evidence.reference for evidence in self.evidence if evidence.kind == kind)


class Catalogue(Strict):
    """Every control and every framework, and how they meet."""

    controls: tuple[Control, ...]
    frameworks: tuple[Framework, ...]

    @cached_property
    def by_id(self) -> dict[str, Control]:
        """Controls by id."""
        return {control.id: control for control in self.controls}

    @cached_property
    def of_rule(self) -> dict[str, tuple[Control, ...]]:
        """Controls by the id of a rule that evidences them."""
        return self.of_evidence("rule")

    def of_evidence(self, kind: EvidenceKind) -> dict[str, tuple[Control, ...]]:
        """Return the controls by the references of their evidence of a kind."""
        found: dict[str, list[Control]] = {}
        for control in self.controls:
            for reference in control.of_kind(kind):
                found.setdefault(reference, []).append(control)
        return {reference: tuple(controls) for reference, controls in found.items()}

    def citing(self, framework: str, requirement: str) -> tuple[Control, ...]:
        """Return the controls that cite a requirement."""
        return tuple(c for c in self.controls if requirement in c.citations.get(framework, ()))

    def citations_of(self, rule: str) -> tuple[tuple[str, str], ...]:
        """Return (framework, requirement) of every control that a rule evidences, in the frameworks' order."""
        cited = {
            (framework, one)
            for control in self.of_rule.get(rule, ())
            for framework, ones in control.citations.items()
            for one in ones
        }
        return tuple((f.id, r.id) for f in self.frameworks for r in f.requirements if (f.id, r.id) in cited)

    def coverage(self, framework: Framework) -> dict[str, frozenset[EvidenceKind]]:
        """Return the kinds of evidence there are for each requirement of a framework; none means "not covered"."""
        return {
            requirement.id: frozenset(
                evidence.kind for c in self.citing(framework.id, requirement.id) for evidence in c.evidence
            )
            for requirement in framework.requirements
        }

    def severity_of(self, rule: str) -> Severity:
        """Return the gravest severity of the controls that a rule evidences; low if none names it."""
        grave = [SEVERITIES.index(control.severity) for control in self.of_rule.get(rule, ())]
        return SEVERITIES[max(grave, default=0)]

    def unknown_citations(self) -> tuple[str, ...]:
        """Return what controls cite that no framework has, as ``control: framework id``."""
        known = {framework.id: framework.by_id.keys() for framework in self.frameworks}
        return tuple(
            f"{control.id}: {framework} {one}"
            for control in self.controls
            for framework, ones in control.citations.items()
            for one in ones
            if one not in known.get(framework, ())
        )


_CONTROLS = TypeAdapter(tuple[Control, ...])
_FRAMEWORK = TypeAdapter(Framework)


def load_catalogue(controls: Path = HERE, frameworks: Path = FRAMEWORKS) -> Catalogue:
    """Read every control and framework; raise Invalid naming file, key, value and what is allowed."""
    found = [control for file in sorted(controls.glob("*.yaml")) for control in read_as(file, _CONTROLS)]
    if again := twice([control.id for control in found]):
        raise Invalid(f"{controls.name}: controls are called the same: {', '.join(again)}")
    read = tuple(read_as(file, _FRAMEWORK) for file in sorted(frameworks.glob("*.yaml")))
    catalogue = Catalogue(controls=tuple(found), frameworks=read)
    if unknown := catalogue.unknown_citations():
        raise Invalid(f"{controls.name}: no framework has what is cited: {'; '.join(unknown)}")
    return catalogue
