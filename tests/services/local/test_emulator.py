"""The emulator keeps what a clean stop must keep, opens nothing but its port, and says why it cannot run."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from services.local.aws import Aws, declare_bus, declare_sender
from services.local.child import CannotStart
from services.local.emulator import Emulator, emulator_python
from services.local.holding import free_port
from services.local.identity import ensure_pool
from tests.fixtures.waiting import eventually


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Emulator]:
    made = Emulator(tmp_path / "aws", port=free_port())
    yield made
    made.stop()


def test_queued_messages_and_the_pool_survive_a_clean_restart_and_removed_rules_do_not(own: Emulator) -> None:
    own.start()
    aws = Aws(own.endpoint_url)
    pool = ensure_pool(aws).pool_id
    queue = next(iter(declare_bus(aws).values()))
    aws.sqs.send_message(QueueUrl=queue.url, MessageBody="first")
    aws.sqs.send_message(QueueUrl=queue.url, MessageBody="second")
    assert len(aws.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=1)["Messages"]) == 1
    own.stop()

    own.start()
    aws = Aws(own.endpoint_url)
    assert [bus["Name"] for bus in aws.events.list_event_buses()["EventBuses"]] == ["default"]
    assert ensure_pool(aws).pool_id == pool
    assert next(iter(declare_bus(aws).values())) == queue
    counts = aws.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == "1"
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "1", "the one in hand comes again later"


def test_killed_it_starts_again_without_being_cleaned_up_first(own: Emulator) -> None:
    own.start()
    assert own.pid is not None
    os.kill(own.pid, signal.SIGKILL)
    assert eventually(lambda: own.poll() is not None)
    assert own.poll() == 128 + signal.SIGKILL
    own.start()
    assert Aws(own.endpoint_url).sqs.list_queues().get("QueueUrls", []) == []


def test_it_listens_on_its_loopback_port_and_nowhere_else(emulator: Emulator) -> None:
    listening = [
        (connection.laddr.ip, connection.laddr.port)
        for connection in psutil.Process(emulator.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == [("127.0.0.1", emulator.port)]


def test_a_taken_port_is_said(own: Emulator) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", own.port))
        other.listen()
        with pytest.raises(
            CannotStart, match=rf"port {own.port} for the AWS emulator is in use by process {os.getpid()}"
        ):
            own.start()
    own.start()


def test_an_environment_without_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="has no ministack: run `make install`"):
        Emulator(tmp_path, port=free_port(), python=Path(sys.executable)).start()


def test_its_interpreter_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CARESLOT_EMULATOR_PYTHON", sys.executable)
    assert emulator_python() == Path(sys.executable)
    monkeypatch.setenv("CARESLOT_EMULATOR_PYTHON", str(tmp_path / "none"))
    with pytest.raises(CannotStart, match="run `make install`"):
        emulator_python()


def test_everything_it_writes_is_in_its_folder(own: Emulator) -> None:
    before = set(Path("/tmp").iterdir())
    own.start()
    ensure_pool(Aws(own.endpoint_url))
    own.stop()
    left = {path.name for path in set(Path("/tmp").iterdir()) - before if "ministack" in path.name}
    assert left == set()
    assert {path.name for path in own.folder.iterdir()} == {".lock", "emulator.log", "tmp", f"state-{own.port}"}


def test_its_log_names_no_recipient_and_no_text(own: Emulator) -> None:
    own.start()
    aws = Aws(own.endpoint_url)
    aws.sns.publish(PhoneNumber="+12025550199", Message="Zebulon Planted")
    declare_sender(aws, "sender@careslot.example")
    aws.ses.send_email(
        Source="sender@careslot.example",
        Destination={"ToAddresses": ["zebulon@patients.example"]},
        Message={"Subject": {"Data": "Zebulon Planted"}, "Body": {"Text": {"Data": "Zebulon Planted"}}},
    )
    own.stop()
    said = own.log.read_text()
    assert [word for word in ("Zebulon", "zebulon", "2025550199") if word in said] == []
