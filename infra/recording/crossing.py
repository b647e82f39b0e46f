"""What a region's stack names of another region: an ARN or endpoint over there is a dependency that fails with it.

Hand-typed names are found like any other, inside policies in JSON as well. A few properties are meant to name another
region and are read when something is made or copied, never while requests are served; those are listed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from infra.recording.graph import PROVIDERS, Graph, Resource, texts

# An ARN's fourth field, or the region in an endpoint's host name.
_NAMED = re.compile(r"arn:aws[\w-]*:[\w-]+:([a-z]{2}(?:-[a-z]+)+-\d):|\b([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com")
# Type, path of the property (indices left out), and why it may.
MEANT: dict[tuple[str, str], str] = {
    ("aws:kms/replicaKey:ReplicaKey", "primaryKeyArn"): "read when the replica is made; it then stands alone",
    ("aws:backup/plan:Plan", "rules.copyActions.destinationVaultArn"): "where copies go; backups here go on without",
    ("aws:serverlessrepository/cloudFormationStack:CloudFormationStack", "applicationId"): (
        "where AWS publishes an application: read when it is deployed"
    ),
}


def crossings(graph: Graph) -> Iterator[tuple[Resource, str]]:
    """Yield each resource of a regional stack that names another region, and where it does."""
    if graph.layer not in {"region", "cluster"}:
        return
    for resource in graph.resources:
        if resource.component or resource.read or resource.type.startswith(PROVIDERS):
            continue
        for path, text in texts(resource.inputs):
            if (resource.type, re.sub(r"\[\d+\]", "", path)) in MEANT:
                continue
            for region in sorted({one or other for one, other in _NAMED.findall(text)} - {graph.region}):
                yield resource, f"{path} names {region}: {graph.region} must work without it"
