"""Rules and their samples stand by area, so that whoever changes a module knows which file to open."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import pytest
import yaml

import policies.rules
from policies.rules.every import AREAS
from tests.policies.rules.samples import FOLDER

MODULES = {one.name: import_module(f"policies.rules.{one.name}") for one in iter_modules(policies.rules.__path__)}
# Of every area there is a module; the others hold what areas are made of.
WITH_RULES = sorted(name for name, module in MODULES.items() if getattr(module, "BOOK", None))


@pytest.mark.parametrize("area", WITH_RULES)
def test_an_areas_samples_are_in_its_file(area: str) -> None:
    of_area = yaml.safe_load((FOLDER / f"{area}.yaml").read_text("utf-8"))
    assert list(of_area) == [rule.id for rule in AREAS[area]] == [rule.id for rule in MODULES[area].RULES]


def test_no_area_is_left_out() -> None:
    assert sorted(AREAS) == WITH_RULES
    assert {file.stem for file in FOLDER.iterdir()} == AREAS.keys()
