"""Rules and their samples stand by area, so that whoever changes a module knows which file to open."""

from __future__ import annotations

from types import ModuleType

import pytest
import yaml

from policies.rules import (
    api,
    classes,
    cluster,
    containers,
    database,
    entrances,
    functions,
    iam,
    identity,
    keys,
    messages,
    network,
    recovery,
    regions,
    storage,
    watching,
)
from policies.rules.every import AREAS
from tests.policies.rules.samples import FOLDER

MODULES = (
    api, classes, cluster, containers, database, entrances, functions, iam, identity, keys, messages, network, recovery,
    regions, storage, watching,
)  # fmt: skip


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_an_areas_samples_are_in_its_file(module: ModuleType) -> None:
    area = module.__name__.rpartition(".")[2]
    of_area = yaml.safe_load((FOLDER / f"{area}.yaml").read_text("utf-8"))
    assert list(of_area) == [rule.id for rule in AREAS[area]]


def test_no_area_is_left_out() -> None:
    assert AREAS.keys() == {module.__name__.rpartition(".")[2] for module in MODULES}
    assert {file.stem for file in FOLDER.iterdir()} == AREAS.keys()
