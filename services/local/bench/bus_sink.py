"""A bus that only listens: takes PutEvents and SendMessageBatch as AWS's JSON protocols have them, keeps what came.

Where a measurement needs to know exactly what reached the bus, and not what an emulator does with it afterwards.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

EMPTY_POLL_SECONDS = 1.0


class _Server(ThreadingHTTPServer):
    """Says nothing of callers that are gone: killing them is what is measured."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class BusSink:
    """What came: the detail of each event by its id, and how often an id came again."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.repeated = 0
        self.url = ""
        self._lock = threading.Lock()

    def take(self, entries: list[dict[str, Any]]) -> None:
        """Keep the entries of a call of PutEvents."""
        with self._lock:
            for entry in entries:
                detail = json.loads(entry["Detail"])
                self.repeated += detail["id"] in self.events
                self.events[detail["id"]] = {"type": detail["type"], "data": detail["data"]}

    def answer(self, target: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return what AWS would answer."""
        operation = target.rpartition(".")[2]
        if operation == "PutEvents":
            self.take(body["Entries"])
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "sink"} for _ in body["Entries"]]}
        if operation == "SendMessageBatch":
            return {"Successful": [{"Id": entry["Id"], "MessageId": "sink"} for entry in body["Entries"]], "Failed": []}
        if operation == "GetQueueUrl":
            return {"QueueUrl": f"{self.url}/sink/{body['QueueName']}"}
        if operation == "ReceiveMessage":
            time.sleep(EMPTY_POLL_SECONDS)
        return {}


@contextmanager
def bus_sink() -> Iterator[BusSink]:
    """Run a sink on a free port of this machine."""
    sink = BusSink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"] or 0)) or b"{}")
            told = json.dumps(sink.answer(self.headers.get("x-amz-target", ""), body)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(told)))
            # Who asked may have been killed meanwhile.
            with contextlib.suppress(OSError):
                self.end_headers()
                self.wfile.write(told)

        def log_message(self, *_: object) -> None: ...

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sink.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
