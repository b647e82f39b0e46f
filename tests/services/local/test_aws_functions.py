"""Functions really run: rule, queue, mapping, worker, database; what fails comes back and ends as a dead
letter.
"""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from services.contracts.events.booking import AppointmentBooked
from services.contracts.topology import Schedule, Subscription
from services.local.aws import Aws, client_environment, declare_sender
from services.local.aws_functions import FunctionCode, declare_functions, pause_schedule, recent_output
from services.local.child import CannotStart
from services.local.emulator import Emulator, emulator_python
from services.local.function_start import require_start
from services.local.lambda_zip import ROOT, build, emulator_target
from tests.fixtures.platform import Declared, DeclareTopology
from tests.fixtures.waiting import eventually

SENDER = "probe@careslot.example"
ECHO = Subscription(
    "probe-echo", "probe", (AppointmentBooked,), "services.probe.lambdas.echo:handler", runs="lambda",
    max_receives=2, visibility_seconds=1, timeout_seconds=5,
)  # fmt: skip
# One in the past fires once, at the Scheduler's next look.
TICK = Schedule("probe-tick", "probe", "at(2020-01-01T00:00:00)", "services.probe.lambdas.echo:tick")


@pytest.fixture(scope="session")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    services = tmp_path_factory.mktemp("probe") / "services"
    services.mkdir()
    shutil.copy(ROOT / "services" / "__init__.py", services)
    for name in ("kernel", "contracts"):
        shutil.copytree(ROOT / "services" / name, services / name)
    shutil.copytree(ROOT / "tests" / "fixtures" / "probe_service", services / "probe")
    package = build("probe", emulator_target(emulator_python()), services=services)
    return package.read(), package.sha256


@pytest.fixture
def dsn(database: Callable[[str], str]) -> str:
    return database("kernel")


@pytest.fixture
def code(zipped: tuple[bytes, str], dsn: str, emulator: Emulator) -> dict[str, FunctionCode]:
    environment = {**client_environment(emulator.endpoint_url), "CARESLOT_DATABASE_URL": dsn, "SENDER": SENDER}
    return {"probe": FunctionCode(*zipped, environment)}


def publish(aws: Aws, declared: Declared, *kinds: str) -> None:
    entries = [
        {
            "Source": "careslot.booking",
            "DetailType": AppointmentBooked.TYPE,
            "EventBusName": declared.bus,
            "Detail": json.dumps(
                {
                    "id": str(uuid4()),
                    "type": AppointmentBooked.TYPE,
                    "occurred_at": "2026-01-02T03:04:05+00:00",
                    "correlation_id": "0" * 32,
                    "data": {"probe": kind},
                }
            ),
        }
        for kind in kinds
    ]
    assert aws.events.put_events(Entries=entries)["FailedEntryCount"] == 0  # type: ignore[arg-type]


def taken(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM inbox").fetchone()
    assert row is not None
    return int(row[0])


def dead(aws: Aws, declared: Declared) -> list[str]:
    url = declared.queues[ECHO.queue].dead_letters_url
    answer = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [json.loads(message["Body"])["detail"]["data"]["probe"] for message in answer.get("Messages", [])]


def depth(aws: Aws, declared: Declared) -> int:
    counts = aws.sqs.get_queue_attributes(QueueUrl=declared.queues[ECHO.queue].url, AttributeNames=["All"])[
        "Attributes"
    ]
    return int(counts["ApproximateNumberOfMessages"]) + int(counts["ApproximateNumberOfMessagesNotVisible"])


def test_good_messages_are_taken_once_and_the_poisonous_one_becomes_a_dead_letter(
    aws: Aws, topology: DeclareTopology, code: dict[str, FunctionCode], dsn: str
) -> None:
    declared = topology([ECHO], code=code)
    publish(aws, declared, "good", "good", "poison", "good", "good")
    assert eventually(lambda: dead(aws, declared) == ["poison"], 60)
    assert taken(dsn) == 4
    assert depth(aws, declared) == 0


def test_a_function_that_hangs_is_ended_and_its_message_becomes_a_dead_letter(
    aws: Aws, topology: DeclareTopology, code: dict[str, FunctionCode], dsn: str
) -> None:
    declared = topology([replace(ECHO, timeout_seconds=1)], code=code)
    publish(aws, declared, "slow")
    assert eventually(lambda: dead(aws, declared) == ["slow"], 60)
    publish(aws, declared, "good")
    assert eventually(lambda: taken(dsn) == 1, 60)


def test_state_and_connections_live_on_between_invocations_and_only_given_variables_arrive(
    aws: Aws, topology: DeclareTopology, code: dict[str, FunctionCode], monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_sender(aws, SENDER)
    declared = topology([ECHO], [replace(TICK, expression="rate(1 day)")], code)
    first, second = (invoke(aws, declared.functions[TICK.name]) for _ in range(2))
    assert first["pid"] == second["pid"]
    assert (first["invocations"], second["invocations"]) == (1, 2)
    assert 0 < first["milliseconds_left"] <= TICK.timeout_seconds * 1000
    assert set(code["probe"].environment) <= set(first["variables"])
    assert recent_output(aws, declared.prefix + TICK.name).count("told on standard output") == 2
    assert not {"PYTHONPATH", "VIRTUAL_ENV", "AWS_PROFILE", "PYTEST_CURRENT_TEST"} & set(first["variables"])


def test_a_function_that_does_not_start_is_named_with_the_reason(
    aws: Aws, topology: DeclareTopology, code: dict[str, FunctionCode]
) -> None:
    lost = replace(ECHO, queue="probe-lost", handler="services.probe.lambdas.nowhere:handler")
    declared = topology([ECHO, lost], code=code)
    with pytest.raises(CannotStart, match=r"probe-lost \(services\.probe\.lambdas\.nowhere:handler\).*nowhere") as told:
        require_start(aws, declared.functions, [ECHO, lost], [])
    assert "probe-echo" not in str(told.value), "the others are not to blame"


def test_a_schedule_wakes_its_function_which_can_send(
    aws: Aws, topology: DeclareTopology, code: dict[str, FunctionCode], emulator: Emulator
) -> None:
    declare_sender(aws, SENDER)
    before = mails(emulator)
    topology([], [TICK], code)
    assert eventually(lambda: mails(emulator) == before + 1, 60)


def test_declaring_twice_changes_nothing_and_a_change_changes_only_itself(
    aws: Aws, topology: DeclareTopology, code: dict[str, FunctionCode]
) -> None:
    schedule = replace(TICK, expression="rate(1 day)")
    declared = topology([ECHO], [schedule], code)

    def again(changed: dict[str, FunctionCode]) -> None:
        functions = declare_functions(aws, changed, declared.queues, [ECHO], [schedule], prefix=declared.prefix)
        assert functions == declared.functions

    before = described(aws, declared)
    again(code)
    assert described(aws, declared) == before
    again({"probe": replace(code["probe"], environment={**code["probe"].environment, "NEW": "1"})})
    after = described(aws, declared)
    assert after["mappings"] == before["mappings"]
    assert after["code"] == before["code"]
    assert all(variables["NEW"] == "1" for variables in after["variables"])


def test_a_paused_schedule_goes_on_as_it_was(
    aws: Aws, topology: DeclareTopology, code: dict[str, FunctionCode]
) -> None:
    schedule = replace(TICK, expression="rate(1 day)")
    declared = topology([], [schedule], code)
    name = declared.prefix + schedule.name

    def state() -> tuple[str, str, str]:
        found = aws.scheduler.get_schedule(Name=name)
        return found["State"], found["ScheduleExpression"], found["Target"]["Arn"]

    _, *rest = before = state()
    pause_schedule(aws, name, pause=True)
    assert state() == ("DISABLED", *rest)
    pause_schedule(aws, name, pause=False)
    assert state() == before
    pause_schedule(aws, name, pause=True)
    declare_functions(aws, code, declared.queues, [], [schedule], prefix=declared.prefix)
    assert state() == before, "what is declared anew is not paused"


def test_a_service_without_code_keeps_its_messages_for_later(aws: Aws, topology: DeclareTopology) -> None:
    declared = topology([ECHO])
    publish(aws, declared, "good")
    assert declared.functions == {}
    assert eventually(lambda: depth(aws, declared) == 1)


def invoke(aws: Aws, function: str) -> dict[str, Any]:
    answer = aws.functions.invoke(FunctionName=function, Payload=b"{}")
    told: dict[str, Any] = json.load(answer["Payload"])
    assert not answer.get("FunctionError"), told
    return told


def mails(emulator: Emulator) -> int:
    with urllib.request.urlopen(f"{emulator.endpoint_url}/_ministack/ses/messages") as answer:
        sent = json.load(answer)["messages"]
    return sum(mail["Source"] == SENDER for account in sent.values() for mail in account)


def described(aws: Aws, declared: Declared) -> dict[str, list[Any]]:
    configurations = [
        aws.functions.get_function_configuration(FunctionName=function) for function in declared.functions.values()
    ]
    mappings = aws.functions.list_event_source_mappings(EventSourceArn=declared.queues[ECHO.queue].arn)
    schedules = aws.scheduler.list_schedules(NamePrefix=declared.prefix)["Schedules"]
    return {
        "mappings": [(mapping["UUID"], mapping["LastModified"]) for mapping in mappings["EventSourceMappings"]],
        "code": [configuration["CodeSha256"] for configuration in configurations],
        "variables": [configuration["Environment"]["Variables"] for configuration in configurations],
        "schedules": [(schedule["Name"], schedule["LastModificationDate"]) for schedule in schedules],
    }
