"""ApplicationSets as Argo CD reads them: generators make parameters, templates make Applications.

Only what `gitops/` uses is known here (clusters, git files, matrix, selectors, goTemplate, templatePatch); anything
else is an error, not silence. Argo CD's documentation, "Generators" and "Go Template", is what this follows.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipelines.gitops.facts import Cluster
from services.kernel.errors import Invalid

Params = dict[str, Any]
# Fills texts with parameters by Go's templates: (where, texts, params) -> for each of params, its texts.
Fill = Callable[[str, Sequence[str], Sequence[Params]], list[list[str]]]
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')
# A field of the dot or the dollar: `.metadata.labels`; not the fields of what `range` and `with` put in its place.
_FIELD = re.compile(r"(?<![\w)\]$.])\$?((?:\.[A-Za-z_]\w*)+)")
_SCOPED = re.compile(r"\{\{-?\s*(?:range|with)\b.*?\{\{-?\s*end\s*-?\}\}", re.DOTALL)


class ApplicationSet:
    """One document of kind ApplicationSet, the file it stands in, and the repository that Argo CD would see."""

    def __init__(self, document: Mapping[str, Any], source: str, root: Path, fill: Fill) -> None:
        self.name = str(document["metadata"]["name"])
        self.spec: Mapping[str, Any] = document["spec"]
        self.source = source
        self._root = root
        self._fill = fill
        if not self.spec.get("goTemplate") or "missingkey=error" not in self.spec.get("goTemplateOptions", []):
            raise Invalid(f"{source}: {self.name}: needs goTemplate with missingkey=error, or a typo renders nothing")

    def applications(self, cluster: Cluster, alter: Callable[[Params], Params]) -> list[tuple[Params, dict[str, Any]]]:
        """Return what it makes in one cluster, each Application with its parameters, which ``alter`` may change."""
        params = [found for one in self.spec["generators"] for found in self._generate(one, cluster, {}, alter)]
        template = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **self.spec["template"]}
        made = [self._filled(template, params)] if params else [[]]
        patches = self._patches(params)
        both = zip(params, made[0], patches, strict=True)
        return [(one, merged(application, patch)) for one, application, patch in both]

    def _patches(self, params: Sequence[Params]) -> list[dict[str, Any]]:
        text = self.spec.get("templatePatch")
        if not text or not params:
            return [{} for _ in params]
        self._check([text], params)
        return [yaml.safe_load(filled) or {} for (filled,) in self._fill(self._where, [text], params)]

    @property
    def _where(self) -> str:
        return f"{self.source}: {self.name}"

    def _generate(
        self, generator: Mapping[str, Any], cluster: Cluster, outer: Params, alter: Callable[[Params], Params]
    ) -> list[Params]:
        kinds = set(generator) - {"selector"}
        if kinds == {"clusters"}:
            found = self._clusters(generator["clusters"], cluster)
        elif kinds == {"git"}:
            (git,) = self._filled(generator["git"], [outer])
            found = [alter(one) for one in self._files(git)]
        elif kinds == {"matrix"}:
            first, second = generator["matrix"]["generators"]
            found = [
                merged(before, after)
                for before in self._generate(first, cluster, outer, alter)
                for after in self._generate(second, cluster, merged(outer, before), alter)
            ]
        else:
            raise Invalid(f"{self._where}: generator {', '.join(sorted(kinds))}: known are clusters, git, matrix")
        return [one for one in found if matches(generator.get("selector"), one)]

    def _clusters(self, generator: Mapping[str, Any], cluster: Cluster) -> list[Params]:
        if not matches(generator.get("selector"), cluster.labels):
            return []
        labels, annotations = dict(cluster.labels), dict(cluster.annotations)
        metadata = {"labels": labels, "annotations": annotations}
        return [{"name": cluster.name, "nameNormalized": cluster.name, "server": cluster.server, "metadata": metadata}]

    def _files(self, git: Mapping[str, Any]) -> Iterable[Params]:
        for entry in git["files"]:
            for file in sorted(self._root.glob(entry["path"])):
                content = yaml.load(file.read_text("utf-8"), yaml.CSafeLoader)
                if not isinstance(content, dict):
                    raise Invalid(f"{file.relative_to(self._root)}: needs to be one mapping")
                parent = file.parent.relative_to(self._root)
                path = {"path": str(parent), "basename": parent.name, "filename": file.name}
                prefix = git.get("pathParamPrefix")
                yield {**content, **({prefix: {"path": path}} if prefix else {"path": path})}

    def _filled(self, template: Any, params: Sequence[Params]) -> list[Any]:
        texts = sorted(set(_texts(template)))
        self._check(texts, params)
        answers = self._fill(self._where, texts, params) if texts else [[] for _ in params]
        return [_replaced(template, dict(zip(texts, answer, strict=True))) for answer in answers]

    def _check(self, texts: Iterable[str], params: Sequence[Params]) -> None:
        """Do what missingkey=error does: a field that is not there is an error."""
        for text in texts:
            for action in _ACTION.findall(_SCOPED.sub("", text)):
                for field in _FIELD.findall(_QUOTED.sub('""', action)):
                    for one in params:
                        _follow(one, field.strip(".").split("."), f"{self._where}: {action}")


def matches(selector: Mapping[str, Any] | None, params: Mapping[str, Any]) -> bool:
    """Say whether parameters, or labels, are what a label selector asks for."""
    if selector is None:
        return True
    texts = {key: _text(value) for key, value in params.items()}
    for expression in selector.get("matchExpressions", []):
        value, operator = texts.get(expression["key"]), expression["operator"]
        if operator not in {"In", "NotIn", "Exists"}:
            raise Invalid(f"selector: operator {operator}: known are In, NotIn, Exists")
        if operator == "Exists" and value is None:
            return False
        if operator == "In" and value not in expression["values"]:
            return False
        if operator == "NotIn" and value in expression["values"]:
            return False
    return all(texts.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``below`` with ``above`` over it, mapping by mapping, as Helm and Argo CD merge values."""
    result = copy.deepcopy(dict(below))
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else copy.deepcopy(value)
    return result


def _follow(params: Mapping[str, Any], keys: Sequence[str], where: str) -> None:
    found: Any = params
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            raise Invalid(f"{where}: there is no .{'.'.join(keys)}")
        found = found[key]


def _texts(template: Any) -> Iterable[str]:
    if isinstance(template, str):
        if "{{" in template:
            yield template
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from _texts(value)
    elif isinstance(template, list):
        for value in template:
            yield from _texts(value)


def _replaced(template: Any, answers: Mapping[str, str]) -> Any:
    if isinstance(template, str):
        return answers.get(template, template)
    if isinstance(template, Mapping):
        return {key: _replaced(value, answers) for key, value in template.items()}
    if isinstance(template, list):
        return [_replaced(value, answers) for value in template]
    return template


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
