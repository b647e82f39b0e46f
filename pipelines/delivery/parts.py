"""The parts of the repository: what belongs to each, what reads it, and which tests tell whether it still works.

Python's imports say most of it. What they cannot say, because it is read as a file or asked over the network, is in
two tables here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import grimp

from services.contracts.catalogue import catalogue
from services.kernel.errors import Invalid

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("services", "environments", "infra", "policies", "pipelines")
REPOSITORY = "repository"
JOURNEYS = "journeys"
CATALOGUE = "services/contracts/catalogue"
# What every part is built, tested or judged with: a change there is a change of everything.
EVERYTHING = (
    ".ci", "Makefile", "pyproject.toml", "requirements", "services/__init__.py", "tests/conftest.py", "tests/fixtures",
)  # fmt: skip
# Files at the top and folders that only the tests about the repository look at.
ABOUT_ITSELF = (".checkov.yaml", ".editorconfig", ".gitignore", ".squawk.toml", "README.md", "docs", "tests/repository")
# Read as files, which no import shows: prefix, and the parts that read what is below it.
READ_AS_FILES: Mapping[str, tuple[str, ...]] = {
    ".dockerignore": ("pipelines",),
    ".github": ("workflows", "pipelines"),
    "docs/how-to": ("pipelines",),
    "environments": ("gitops", "infra", "pipelines"),
    "policies/access": ("services",),
    "policies/admission": ("gitops",),
    "Pulumi.yaml": ("infra", "pipelines"),
    CATALOGUE: ("gitops", "infra", "pipelines", "policies"),
    "services/contracts/openapi": ("gitops", "infra"),
    "gitops": ("pipelines",),
    "tests/github": ("workflows",),
}
# What `careslot verify` holds of a part, beside its tests (names of pipelines.verify.CHECKS).
CHECKS: Mapping[str, tuple[str, ...]] = {
    "gitops": ("gitops", "admission"),
    "policies": ("admission",),
    "services/contracts": ("compatibility",),
    "workflows": ("workflows",),
}


# Where a part's tests are not in the folder that mirrors it.
TESTS: Mapping[str, tuple[str, ...]] = {
    "gitops": ("tests/gitops", "tests/pipelines/gitops", "tests/pipelines/slos", "tests/policies/admission"),
    "workflows": ("tests/github", "tests/pipelines/workflows"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part that must be verified: its tests, its checks, and the changed files that made it so."""

    name: str
    tests: tuple[str, ...]
    checks: tuple[str, ...]
    because: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return it as a workflow's matrix takes it: lists of words as words."""
        return {
            "part": self.name,
            "tests": " ".join(self.tests),
            "checks": " ".join(self.checks),
            "because": list(self.because),
        }


def names(root: Path = ROOT) -> tuple[str, ...]:
    """Return every part there is, in the order of their names."""
    folders = [folder for folder in (root / "services").iterdir() if (folder / "__init__.py").is_file()]
    services = {f"services/{folder.name}" for folder in folders}
    tops = {name for name in (*PACKAGES[1:], "gitops") if (root / name).is_dir()}
    return tuple(sorted(services | tops | {REPOSITORY, JOURNEYS, "workflows"}))


def affected(changed: Iterable[str], root: Path = ROOT) -> tuple[Part, ...]:
    """Return the parts that changed files (paths from the root) reach; raise Invalid for a file of no part.

    A filter that matches nothing must not pass for "nothing to verify", so that no change at all is refused too.
    """
    changed = sorted(set(changed))
    if not changed:
        raise Invalid("nothing differs, so nothing would be verified: is the base the right one?")
    known = names(root)
    graph = grimp.build_graph(*PACKAGES, cache_dir=str(root / ".cache" / "grimp"))
    reasons: dict[str, set[str]] = {}
    strays = []
    for file in changed:
        reached = _reached(file, known, graph)
        if not reached:
            strays.append(file)
        for name in reached:
            reasons.setdefault(name, set()).add(file)
    if strays:
        raise Invalid(f"{', '.join(strays)}: of no part, so nothing would verify it; see pipelines/delivery/parts.py")
    # What says how the repository is kept is asked about every change.
    reasons.setdefault(REPOSITORY, set()).update(changed)
    return tuple(
        Part(name, _tests(name, root), CHECKS.get(name, ()), tuple(sorted(files)))
        for name, files in sorted(reasons.items())
    )


def _reached(file: str, known: tuple[str, ...], graph: grimp.ImportGraph) -> set[str]:
    """Return the parts a changed file reaches: its own, those that import it, read it or call it."""
    if _below(file, EVERYTHING):
        return set(known)
    reached = set()
    if _below(file, ABOUT_ITSELF):
        reached.add(REPOSITORY)
    for prefix, readers in READ_AS_FILES.items():
        if _below(file, (prefix,)):
            reached |= {name for name in known if name in readers or name.partition("/")[0] in readers}
    if _below(file, (CATALOGUE,)):
        reached.add(f"services/{PurePosixPath(file).stem}")
    own = _own(file.removeprefix("tests/"), known)
    if own:
        reached.add(own)
    if not file.startswith("tests/"):
        reached |= _importing(file, known, graph)
        reached |= {f"services/{name}" for name, service in catalogue().items() if own in _called(service.calls)}
    if any(name.startswith("services/") for name in reached):
        reached.add(JOURNEYS)
    return reached & set(known)


def _own(file: str, known: tuple[str, ...]) -> str | None:
    words = PurePosixPath(file).parts
    return next((name for name in ("/".join(words[:2]), words[0]) if name in known), None)


def _called(services: Iterable[str]) -> set[str]:
    return {f"services/{name}" for name in services}


def _importing(file: str, known: tuple[str, ...], graph: grimp.ImportGraph) -> set[str]:
    """Return the parts whose modules import, however indirectly, the module a file is, or the package it lies in."""
    path = PurePosixPath(file)
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    if path.suffix == ".py" and module in graph.modules:
        found = graph.find_downstream_modules(module)
    else:
        package = next((".".join(p.parts) for p in path.parents if ".".join(p.parts) in graph.modules), None)
        # A file of data, or a module that is gone: whoever imports its package may have read it.
        if package is None or package in PACKAGES:
            return set()
        found = graph.find_downstream_modules(package, as_package=True)
    return {name for downstream in found if (name := _own(downstream.replace(".", "/"), known))}


def _below(file: str, prefixes: Iterable[str]) -> bool:
    path = PurePosixPath(file)
    return any(path.is_relative_to(prefix) for prefix in prefixes)


def _tests(name: str, root: Path) -> tuple[str, ...]:
    """Return the folders of a part's tests; none where its checks are all there is."""
    folders = TESTS.get(name, (f"tests/{name}",))
    return tuple(folder for folder in folders if (root / folder).is_dir())
