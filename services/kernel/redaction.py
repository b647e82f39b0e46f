"""Keeps PHI out of logs by letting through only what is known to be harmless (45 CFR 164.502(b), 164.312(a)).

A deny-list misses the field someone adds next year, so log fields are an allow-list; what is let through is still
searched for shapes of identifiers, because a harmless field can be filled with the wrong thing.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

REDACTED = "[redacted]"

SAFE_FIELDS = frozenset(
    {
        "event", "level", "timestamp", "logger", "service", "correlation_id", "request_method", "route", "status",
        "duration_ms", "action", "outcome", "reason", "event_type", "event_id", "queue", "rule", "attempt", "attempts",
        "count", "port", "pid", "exit_code", "signal", "error_type", "error_code", "frames", "database", "dependency",
        "state", "seconds", "migration", "version", "appointment_id", "facility_id", "clinician_id", "template_id",
        "channel", "message_id", "function", "kind", "roles", "limit", "lag_ms", "batch", "failed", "constraint",
    }
)  # fmt: skip

_SHAPES = (
    re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"),
    re.compile(r"(?<![\w-])(?:\+?1[-. ]?)?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}(?![\w-])"),
    re.compile(r"(?<![\w-])\+1\d{10}(?!\w)"),
    re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
    re.compile(r"(?<![\w-])(?:19|20)\d{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?![\dT:-])"),
    re.compile(r"(?<![\w-])(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])/(?:19|20)\d{2}(?!\d)"),
)


def scrub(text: str) -> str:
    """Replace e-mail addresses, phone and social security numbers and bare dates; instants and ids stay."""
    for shape in _SHAPES:
        text = shape.sub(REDACTED, text)
    return text


def safe_value(value: Any) -> Any:
    """Return ``value`` fit for a log line: scalars scrubbed, lists element by element, mappings by field name."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): safe_value(item) if key in SAFE_FIELDS else REDACTED for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [safe_value(item) for item in value]
    return scrub(str(value))


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: unknown fields lose their value (never their name, so that the slip can be found)."""
    for name in list(event):
        if name != "timestamp":
            event[name] = safe_value(event[name]) if name in SAFE_FIELDS else REDACTED
    return event
