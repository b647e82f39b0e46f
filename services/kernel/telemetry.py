"""Logs, correlation and counters: one JSON line a fact, traceable across services, free of PHI.

The correlation id is the trace id of W3C Trace Context; it enters at the edge, rides in every event and comes out
in every log line and audit entry.
"""

import logging
import re
import secrets
import sys
import traceback
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import structlog
from prometheus_client import Counter, Histogram

from services.kernel.redaction import redact

_correlation: ContextVar[str] = ContextVar("correlation_id", default="")
_process = ""
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")
_NO_TRACE = "0" * 32

# An objective's latency must be one of these (services/contracts/catalogue/model.py): between two a histogram knows
# nothing.
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.3, 0.5, 0.8, 1, 2.5, 5, 10)
REQUESTS = Histogram(
    "careslot_http_request_seconds",
    "Duration of HTTP requests by route template; of streams until they begin.",
    ["service", "method", "route", "status"],
    buckets=REQUEST_BUCKETS,
)
EVENTS_SENT = Counter("careslot_outbox_sent_total", "Events accepted by the bus.", ["service"])
EVENTS_TAKEN = Counter("careslot_inbox_events_total", "Events taken from queues.", ["service", "queue", "outcome"])
EVENT_AGE = Histogram(
    "careslot_inbox_event_age_seconds",
    "How old an event is when its effects commit.",
    ["service", "queue"],
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 21600),
)
NEIGHBOUR_CALLS = Counter(
    "careslot_neighbour_calls_total",
    "Calls of neighbours: answered, failed, or not tried because the breaker is open.",
    ["service", "neighbour", "outcome"],
)
OUTCOMES = Counter("careslot_outcomes_total", "Business outcomes that are counted, not audited.", ["service", "name"])


def correlation_id() -> str:
    """Return the id of the work at hand, "" outside of any."""
    return _correlation.get()


def new_correlation_id() -> str:
    """Return 16 random bytes in hex, the shape of a W3C trace id."""
    return secrets.token_hex(16)


def correlation_from(traceparent: str | None) -> str:
    """Return the trace id of a valid ``traceparent`` header, else a new id: foreign text never enters the logs."""
    match = _TRACEPARENT.match(traceparent or "")
    return match[1] if match and match[1] != _NO_TRACE else new_correlation_id()


def traceparent(correlation: str) -> str:
    """Return the header that carries ``correlation`` to the next service."""
    return f"00-{correlation}-{secrets.token_hex(8)}-01"


@contextmanager
def correlated(correlation: str) -> Iterator[None]:
    """Make ``correlation`` the id of everything done inside."""
    token = _correlation.set(correlation or new_correlation_id())
    try:
        yield
    finally:
        _correlation.reset(token)


def from_nothing(counter: Counter, *labels: str, outcomes: Iterable[str]) -> None:
    """Tell a counter's ``outcomes`` from the start: of one that begins with 1 Prometheus sees no increase."""
    for outcome in outcomes:
        counter.labels(*labels, outcome)


def process_service() -> str:
    """Return the service whose process this is, as it was told to `configure_logging`."""
    return _process


def configure_logging(service: str, level: str = "INFO") -> None:
    """Send structured JSON lines to standard output, for our loggers and the libraries' alike."""
    global _process  # noqa: PLW0603 -- a process is one service's, from here on
    _process = service
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _stamp(service),
        _exception_without_message,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("uvicorn.access", "botocore", "urllib3", "httpx", "httpcore", "yoyo", "sse_starlette"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = True


def logger() -> structlog.typing.FilteringBoundLogger:
    """Return the logger; fields outside kernel.redaction.SAFE_FIELDS lose their value."""
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return log


def frames_of(error: BaseException, limit: int = 6) -> list[str]:
    """Return where ``error`` came from as ``file:line function``; its message may hold PHI and is left out."""
    stack = traceback.extract_tb(error.__traceback__)[-limit:]
    return [f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} {frame.name}" for frame in stack]


def _stamp(service: str) -> structlog.types.Processor:
    def stamp(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        if _correlation.get():
            event["correlation_id"] = _correlation.get()
        return event

    return stamp


def _exception_without_message(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    info = event.pop("exc_info", None)
    record = event.get("_record")
    if info is None and isinstance(record, logging.LogRecord):
        info = record.exc_info
        # The formatter would render it again, with its message.
        record.exc_info, record.exc_text, record.stack_info = None, None, None
    if info is True:
        info = sys.exc_info()
    error = info if isinstance(info, BaseException) else info[1] if info else None
    if error is not None:
        event["error_type"] = type(error).__name__
        event["frames"] = frames_of(error)
    return event
