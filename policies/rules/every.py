"""All rules, area by area."""

from __future__ import annotations

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
from policies.rules.judging import Rule

AREAS = {
    module.__name__.rpartition(".")[2]: tuple(module.RULES)
    for module in (
        network, entrances, keys, storage, database, cluster, containers, api, messages, functions, identity, iam,
        watching, recovery, regions, classes,
    )
}  # fmt: skip
RULES: dict[str, Rule] = {rule.id: rule for rules in AREAS.values() for rule in rules}
