"""At most ten a call, and what was refused is named."""

import json
from datetime import UTC, datetime

from services.kernel.ids import new_id
from services.kernel.outbox import Envelope
from services.kernel.publishers import EventBridgePublisher, SqsPublisher

NOW = datetime(2027, 1, 1, tzinfo=UTC)


class Events:
    """EventBridge's PutEvents as its API answers, refusing chosen entries."""

    def __init__(self, refuse: frozenset[int] = frozenset()) -> None:
        self.calls: list[list[dict[str, object]]] = []
        self.refuse = refuse

    def put_events(self, Entries: list[dict[str, object]]) -> dict[str, object]:
        self.calls.append(Entries)
        answers = [{"ErrorCode": "Throttled"} if n in self.refuse else {"EventId": str(n)} for n in range(len(Entries))]
        return {"Entries": answers, "FailedEntryCount": len(self.refuse)}


async def test_eventbridge_takes_at_most_ten_a_call_and_names_what_it_refused() -> None:
    batch = [Envelope(new_id(), "t.x.v1", "careslot.t", NOW, "c", {"n": n}) for n in range(23)]
    events = Events(frozenset({0}))
    refused = await EventBridgePublisher(events, "careslot").publish(batch)  # type: ignore[arg-type]  # a double
    assert sorted(len(call) for call in events.calls) == [3, 10, 10]
    assert refused == {batch[0].id, batch[10].id, batch[20].id}
    assert all(entry["EventBusName"] == "careslot" for call in events.calls for entry in call)


class Queue:
    """SQS's GetQueueUrl and SendMessageBatch as its API answers, refusing chosen entries."""

    def __init__(self, refuse: frozenset[str] = frozenset()) -> None:
        self.calls: list[list[dict[str, str]]] = []
        self.refuse = refuse

    def get_queue_url(self, QueueName: str) -> dict[str, str]:
        return {"QueueUrl": f"http://sqs/{QueueName}"}

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, object]:
        assert QueueUrl == "http://sqs/q"
        self.calls.append(Entries)
        return {"Failed": [{"Id": entry["Id"]} for entry in Entries if entry["Id"] in self.refuse]}


async def test_sqs_takes_at_most_ten_a_call_and_names_what_it_refused() -> None:
    batch = [Envelope(new_id(), "t.x.v1", "careslot.t", NOW, "c", {"n": n}) for n in range(23)]
    queue = Queue(frozenset({"1"}))
    refused = await SqsPublisher(queue, "q").publish(batch)  # type: ignore[arg-type]  # a double
    assert sorted(len(call) for call in queue.calls) == [3, 10, 10]
    assert refused == {batch[1].id, batch[11].id, batch[21].id}
    sent = [Envelope.from_eventbridge(json.loads(entry["MessageBody"])) for call in queue.calls for entry in call]
    assert sorted(sent, key=lambda event: event.data["n"]) == batch
