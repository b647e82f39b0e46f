"""KMS keys, and that what holds PHI uses the right one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.rules.documents import allows, anyone, conditions, statements
from policies.rules.judging import Book, phi, production
from policies.rules.reading import CannotTell, View

BOOK = Book()
RULES = BOOK.rules
KEY = "aws:kms/key:Key"
REPLICA = "aws:kms/replicaKey:ReplicaKey"
_REGION = re.compile(r"arn:aws[\w-]*:kms:([a-z]{2}(?:-[a-z]+)+-\d):")
# What stores data, and by which property it takes its key.
STORES = {
    "aws:backup/vault:Vault": "kmsKeyArn",
    "aws:cloudtrail/trail:Trail": "kmsKeyId",
    "aws:cloudwatch/eventArchive:EventArchive": "kmsKeyIdentifier",
    "aws:cloudwatch/eventBus:EventBus": "kmsKeyIdentifier",
    "aws:dynamodb/table:Table": "serverSideEncryption.kmsKeyArn",
    "aws:efs/fileSystem:FileSystem": "kmsKeyId",
    "aws:rds/cluster:Cluster": "kmsKeyId",
    "aws:s3/bucketObjectv2:BucketObjectv2": "kmsKeyId",
    "aws:scheduler/schedule:Schedule": "kmsKeyArn",
    "aws:secretsmanager/secret:Secret": "kmsKeyId",
    "aws:sns/topic:Topic": "kmsMasterKeyId",
    "aws:sqs/queue:Queue": "kmsMasterKeyId",
    "eks:index:Cluster": "encryptionConfigKeyArn",
}


@BOOK.rule(
    "key-rotates", "Keys are rotated every year", KEY,
    when=lambda key: key["keyUsage"] in {None, "ENCRYPT_DECRYPT"},
    remedy="Set enable_key_rotation to true.",
)  # fmt: skip
def _rotates(key: View) -> Iterator[str]:
    if not key.on("enableKeyRotation"):
        yield "is never rotated"


@BOOK.rule(
    "key-deletion-waits", "A key is not gone before somebody notices", KEY, REPLICA, when=production,
    remedy="Set deletion_window_in_days to 30.",
)  # fmt: skip
def _deletion_waits(key: View) -> Iterator[str]:
    if key.number("deletionWindowInDays", 30) < 30:
        yield f"is gone {key['deletionWindowInDays']} days after somebody asks for it; everything under it with it"


@BOOK.rule(
    "key-policy-closed", "Nobody outside the account may use a key", KEY, REPLICA,
    remedy="Name principals of this account, or bind a service by aws:SourceAccount or aws:SourceArn.",
)  # fmt: skip
def _policy_closed(key: View) -> Iterator[str]:
    narrowing = ("aws:sourceaccount", "aws:sourcearn", "aws:principalaccount", "kms:calleraccount", "kms:viaservice")
    for statement in statements(key, "policy"):
        if allows(statement) and anyone(statement) and not set(narrowing) & conditions(statement).keys():
            yield "its policy lets anybody use it"


@BOOK.rule(
    "key-multi-region", "Keys for PHI can be replicated, so that a standby reads what was written", KEY, when=phi,
    remedy="Set multi_region to true when the key is made; it cannot be changed later.",
)  # fmt: skip
def _multi_region(key: View) -> Iterator[str]:
    if not key.on("multiRegion"):
        yield "is of one region: what it encrypts is lost to the others"


@BOOK.rule(
    "key-in-every-region", "Every region has a replica of each multi-region key for PHI", KEY,
    scope="environment", when=lambda key: key.phi and key.on("multiRegion"),
    remedy="Make an aws.kms.ReplicaKey in each standby region (infra/components/encryption.py).",
)  # fmt: skip
def _in_every_region(key: View) -> Iterator[str]:
    there = {key.resource.region, *(replica.resource.region for replica in key.about(REPLICA))}
    unsure = {one.resource.region for one in key.elsewhere(REPLICA) if one.at("primaryKeyArn").unknown}
    for region in key.regions:
        if region in unsure - there:
            raise CannotTell("primaryKeyArn")
        if region not in there:
            yield f"there is no replica of it in {region}"


@BOOK.rule(
    "phi-has-a-key", "What stores PHI is encrypted by a key of ours, not by AWS's default", *STORES,
    scope="stack", when=phi,
    remedy="Hand the component RegionalKeys.arn('phi') or arn('audit').",
)  # fmt: skip
def _has_a_key(store: View) -> Iterator[str]:
    if not store.given(STORES[store.type]):
        yield f"{STORES[store.type]} names no key"


@BOOK.rule(
    "phi-key-is-for-phi", "What stores PHI uses a key that is for PHI", *STORES, scope="environment", when=phi,
    remedy="Use the key of the data class phi or audit, so that who may read internal data cannot read PHI.",
)  # fmt: skip
def _key_is_for_phi(store: View) -> Iterator[str]:
    path = STORES[store.type]
    if store.at(path).raw is None:
        return
    keys = store.named(path, KEY, REPLICA)
    if not keys:
        raise CannotTell(path)
    for key in keys:
        if key.data_class != "phi":
            yield f"uses {key.name}, a key for {key.data_class} data"


@BOOK.rule(
    "key-in-own-region", "What a region stores is encrypted by a key of that region", *STORES,
    remedy="Use the region's own key or replica: RegionalKeys of the stack's scope.",
)  # fmt: skip
def _own_region(store: View) -> Iterator[str]:
    text = store[STORES[store.type]]
    named = _REGION.search(str(text or ""))
    if named and store.resource.region and named[1] != store.resource.region:
        yield f"in {store.resource.region} uses a key of {named[1]}, which may be away when it is needed"
