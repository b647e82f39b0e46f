"""What is recorded of the account, for how long, who looks at it and who is woken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from policies.rules.judging import STACK, Book, Judge
from policies.rules.reading import View

BOOK = Book()
RULES = BOOK.rules
TRAIL = "aws:cloudtrail/trail:Trail"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
SIX_YEARS = 6 * 365


def _every_region(id_: str, title: str, remedy: str) -> Callable[[Judge], Judge]:
    """Make the function below a rule about every region's stack as a whole."""
    return BOOK.rule(id_, title, STACK, scope="stack", when=lambda stack: stack.graph.layer == "region", remedy=remedy)


@_every_region(
    "region-has-trail", "Every region records who called which of AWS's interfaces",
    "Make the component AuditTrail in the region (infra/components/audit_trail.py).",
)  # fmt: skip
def _trail(stack: View) -> Iterator[str]:
    if not any(trail["enableLogging"] is not False for trail in stack.beside(TRAIL)):
        yield "no CloudTrail trail records"


@BOOK.rule(
    "trail-cannot-be-forged", "The trail can be checked for what was changed or left out", TRAIL, scope="stack",
    remedy="Set enable_log_file_validation and kms_key_id.",
)  # fmt: skip
def _forged(trail: View) -> Iterator[str]:
    if not trail.on("enableLogFileValidation"):
        yield "nobody would notice a file that is missing"
    if not trail.given("kmsKeyId"):
        yield "is not encrypted by a key of ours"


@BOOK.rule(
    "trail-records-all", "The trail records every region, management events and access to what holds PHI", TRAIL,
    remedy="Set is_multi_region_trail, include_global_service_events and data events for PHI's buckets and functions.",
)  # fmt: skip
def _records(trail: View) -> Iterator[str]:
    for switch in ("isMultiRegionTrail", "includeGlobalServiceEvents"):
        if trail[switch] is not True and not (switch == "includeGlobalServiceEvents" and trail[switch] is None):
            yield f"{switch} is off"
    fields = [field for selector in trail.each("advancedEventSelectors") for field in selector.each("fieldSelectors")]
    categories = {one for field in fields if field["field"] == "eventCategory" for one in field.words("equals")}
    types = {one for field in fields if field["field"] == "resources.type" for one in field.words("equals")}
    if "Management" not in categories:
        yield "records no changes of the account"
    for type_ in ("AWS::S3::Object", "AWS::Lambda::Function"):
        if type_ not in types:
            yield f"records no access to {type_}"


@BOOK.rule(
    "log-group-encrypted", "Logs are encrypted by a key of ours", LOG_GROUP, scope="stack",
    remedy="Set kms_key_id to the region's key.",
)  # fmt: skip
def _encrypted(group: View) -> Iterator[str]:
    if not group.given("kmsKeyId"):
        yield "is under AWS's own key"


@BOOK.rule(
    "log-group-kept", "Logs are kept: in production for six years, elsewhere for ninety days", LOG_GROUP,
    remedy="Set retention_in_days (retention.logs_days of the environment).",
)  # fmt: skip
def _kept(group: View) -> Iterator[str]:
    wanted = SIX_YEARS if group.production else 90
    days = group.number("retentionInDays")
    if 0 < days < wanted:
        yield f"is kept for {days:.0f} days, less than {wanted}"
    if days == 0:
        yield "is kept for ever: nothing says when what it holds ends"


@_every_region(
    "region-has-recorder", "Every region records how its resources are configured",
    "Make the component Configuration in the region (infra/components/detection.py).",
)  # fmt: skip
def _recorder(stack: View) -> Iterator[str]:
    running = [status for status in stack.beside("aws:cfg/recorderStatus:RecorderStatus") if status.on("isEnabled")]
    recorders = stack.beside("aws:cfg/recorder:Recorder")
    if not running or not recorders:
        yield "AWS Config records nothing"
    if not any(recorder["recordingGroup.allSupported"] is not False for recorder in recorders):
        yield "AWS Config records some types only"


@_every_region(
    "region-has-guard", "Every region watches for intruders and malicious software",
    "Make a GuardDuty detector with its features (infra/components/detection.py).",
)  # fmt: skip
def _guard(stack: View) -> Iterator[str]:
    detectors = stack.beside("aws:guardduty/detector:Detector")
    if not any(detector["enable"] is not False for detector in detectors):
        yield "GuardDuty is off"
    features = {
        str(feature["name"])
        for feature in stack.beside("aws:guardduty/detectorFeature:DetectorFeature")
        if feature["status"] == "ENABLED"
    }
    for name in ("S3_DATA_EVENTS", "EBS_MALWARE_PROTECTION", "EKS_AUDIT_LOGS", "RDS_LOGIN_EVENTS"):
        if name not in features:
            yield f"GuardDuty's {name} is off"


@_every_region(
    "region-has-hub", "Every region's findings come together and are compared with a standard",
    "Make a Security Hub account and subscribe to AWS's foundational best practices.",
)  # fmt: skip
def _hub(stack: View) -> Iterator[str]:
    standards = stack.beside("aws:securityhub/standardsSubscription:StandardsSubscription")
    if not stack.beside("aws:securityhub/account:Account") or not standards:
        yield "Security Hub compares with nothing"


@_every_region(
    "region-has-analyzer", "Every region is searched for what strangers may reach",
    "Make an IAM Access Analyzer of type ACCOUNT.",
)  # fmt: skip
def _analyzer(stack: View) -> Iterator[str]:
    kinds = {str(one["type"] or "ACCOUNT") for one in stack.beside("aws:accessanalyzer/analyzer:Analyzer")}
    if not {"ACCOUNT", "ORGANIZATION"} & kinds:
        yield "nobody looks for what strangers may reach"


@BOOK.rule(
    "alarm-wakes-somebody", "Every alarm tells somebody", "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm", scope="environment",
    when=lambda alarm: alarm.graph.layer == "region",
    remedy="Set alarm_actions to the topic of alarms; actions_enabled where the region serves.",
)  # fmt: skip
def _wakes(alarm: View) -> Iterator[str]:
    # A standby's alarms are silent until it serves.
    awake = alarm["actionsEnabled"] is not False or any(twin["actionsEnabled"] is not False for twin in alarm.twins())
    if not awake or not alarm.given("alarmActions"):
        yield "rings in an empty room"


@_every_region(
    "traces-encrypted", "Traces are encrypted by a key of ours",
    "Set aws.xray.EncryptionConfig with type KMS and a key.",
)  # fmt: skip
def _traces(stack: View) -> Iterator[str]:
    if not any(one["type"] == "KMS" for one in stack.beside("aws:xray/encryptionConfig:EncryptionConfig")):
        yield "traces are under AWS's own key"
