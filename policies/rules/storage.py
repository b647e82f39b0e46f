"""Buckets: a bucket's safety is spread over half a dozen resources about it, each of which can be forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rules.documents import allows, anyone, conditions, refuses_plain_text, statements
from policies.rules.judging import Book, production
from policies.rules.reading import View

BOOK = Book()
RULES = BOOK.rules
BUCKET = "aws:s3/bucket:Bucket"
SIX_YEARS = 6 * 365
BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


@BOOK.rule(
    "bucket-encrypted", "Buckets are encrypted by a key of ours", BUCKET, scope="stack",
    when=lambda bucket: not _takes_logs_of_balancers(bucket),
    remedy="Add a BucketServerSideEncryptionConfiguration with aws:kms and the key of the data class.",
)  # fmt: skip
def _encrypted(bucket: View) -> Iterator[str]:
    ways = bucket.about("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")
    by = [rule for way in ways for rule in way.each("rules")]
    if not any(rule["applyServerSideEncryptionByDefault.sseAlgorithm"] in {"aws:kms", "aws:kms:dsse"} for rule in by):
        yield "no key of ours encrypts it"
    elif not any(way.given("rules") for way in ways) or not any(_key(rule.raw) for rule in by):
        yield "encrypted by AWS's own key, which nobody can withhold"


def _key(rule: object) -> bool:
    given = rule.get("applyServerSideEncryptionByDefault", {}) if isinstance(rule, dict) else {}
    return bool(given.get("kmsMasterKeyId"))


def _takes_logs_of_balancers(bucket: View) -> bool:
    """Say whether Elastic Load Balancing or S3 writes its logs there: both take Amazon S3's own keys only."""
    return bool(
        bucket.about("aws:lb/loadBalancer:LoadBalancer")
        or any(bucket in log.named("targetBucket") for log in bucket.about("aws:s3/bucketLogging:BucketLogging"))
    )


@BOOK.rule(
    "bucket-not-public", "Buckets refuse public access in all four ways", BUCKET, scope="stack",
    remedy="Add a BucketPublicAccessBlock with all four switches on.",
)  # fmt: skip
def _not_public(bucket: View) -> Iterator[str]:
    walls = bucket.about("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    missing = [block for block in BLOCKS if not any(wall.on(block) for wall in walls)]
    if missing:
        yield f"public access is not refused by {', '.join(missing)}"


@BOOK.rule(
    "bucket-tls-only", "Buckets answer over TLS alone", BUCKET, scope="stack",
    remedy="Add a BucketPolicy that denies everybody where aws:SecureTransport is false.",
)  # fmt: skip
def _tls_only(bucket: View) -> Iterator[str]:
    policies = bucket.about("aws:s3/bucketPolicy:BucketPolicy")
    if not any(refuses_plain_text(policy, "policy") for policy in policies):
        yield "answers over plain HTTP"


@BOOK.rule(
    "bucket-policy-closed", "No bucket's policy lets everybody in", "aws:s3/bucketPolicy:BucketPolicy",
    remedy="Name principals, or bind a service by aws:SourceAccount or aws:SourceArn.",
)  # fmt: skip
def _policy_closed(policy: View) -> Iterator[str]:
    for statement in statements(policy, "policy"):
        if allows(statement) and anyone(statement) and not conditions(statement):
            yield "lets everybody in"


def _set(bucket: View, type_: str, path: str, wanted: str) -> bool:
    """Say whether a resource of the type, made for the bucket, sets what is wanted."""
    return any(one[path] == wanted for one in bucket.about(type_))


@BOOK.rule(
    "bucket-versioned", "Buckets keep what is overwritten or deleted", BUCKET, scope="stack",
    remedy="Add a BucketVersioning with status Enabled.",
)  # fmt: skip
def _versioned(bucket: View) -> Iterator[str]:
    if not _set(bucket, "aws:s3/bucketVersioning:BucketVersioning", "versioningConfiguration.status", "Enabled"):
        yield "what is overwritten is gone"


@BOOK.rule(
    "bucket-without-acls", "Access to buckets is decided by policies alone", BUCKET, scope="stack",
    remedy="Add BucketOwnershipControls with BucketOwnerEnforced.",
)  # fmt: skip
def _without_acls(bucket: View) -> Iterator[str]:
    controls = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    if not _set(bucket, controls, "rule.objectOwnership", "BucketOwnerEnforced"):
        yield "access lists of single objects count"


@BOOK.rule(
    "bucket-access-logged", "Access to buckets is logged: by S3, or by CloudTrail's data events", BUCKET, scope="stack",
    remedy="Add a BucketLogging with the bucket for access logs as its target.",
)  # fmt: skip
def _logged(bucket: View) -> Iterator[str]:
    loggings = bucket.about("aws:s3/bucketLogging:BucketLogging")
    # A bucket of logs that logged into itself would never end.
    if not loggings and not bucket.about("aws:cloudtrail/trail:Trail"):
        yield "nobody knows who read what"


def _proves(bucket: View) -> bool:
    recorded = bucket.about("aws:cfg/deliveryChannel:DeliveryChannel")
    trails = [t for t in bucket.about("aws:cloudtrail/trail:Trail") if bucket in t.named("s3BucketName")]
    return bool(recorded or trails or "audit" in bucket.name.split("-")[1:2])


@BOOK.rule(
    "audit-write-once", "What proves who did what cannot be changed or deleted for six years", BUCKET, scope="stack",
    when=_proves,
    remedy="Add a BucketObjectLockConfiguration with COMPLIANCE (prod) and at least six years.",
)  # fmt: skip
def _write_once(bucket: View) -> Iterator[str]:
    locks = bucket.about("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration")
    if not bucket.on("objectLockEnabled") or not locks:
        yield "can be emptied"
    for lock in locks:
        mode = lock["rule.defaultRetention.mode"]
        days = lock.number("rule.defaultRetention.days") + 365 * lock.number("rule.defaultRetention.years")
        if mode != "COMPLIANCE" and bucket.production:
            yield f"its lock is {mode or 'nobody set'}: whoever has the right may open it"
        if days < SIX_YEARS:
            yield f"is kept for {days:.0f} days, less than six years"


@BOOK.rule(
    "bucket-not-emptied", "No bucket of production is emptied by a wrong command", BUCKET, when=production,
    remedy="Leave force_destroy out.",
)  # fmt: skip
def _not_emptied(bucket: View) -> Iterator[str]:
    if bucket.on("forceDestroy"):
        yield "is emptied and deleted in one go"
