"""Whether every function comes up, found out at the start: else events wait for it, and `up` waits without a word.

Each is invoked once with nothing to do. That takes the first of it that is slow, which the first event would find.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from services.contracts.topology import Schedule, Subscription
from services.local.aws import Aws
from services.local.child import CannotStart

AT_ONCE = 2
NO_MESSAGES = '{"Records": []}'
# What the clock's functions are asked for: what was due before there was anything.
NOTHING_DUE = '{"time": "1970-01-01T00:00:00Z"}'


def require_start(
    aws: Aws, functions: Mapping[str, str], subscriptions: Sequence[Subscription], schedules: Sequence[Schedule]
) -> None:
    """Start every one of ``functions`` (ARNs by the topology's names); raise CannotStart naming those that fail."""
    asked = [
        *((s.queue, s.handler, NO_MESSAGES) for s in subscriptions if s.queue in functions),
        *((s.name, s.handler, NOTHING_DUE) for s in schedules if s.name in functions),
    ]

    def fault(one: tuple[str, str, str]) -> str:
        name, handler, event = one
        answer = aws.functions.invoke(FunctionName=functions[name], Payload=event)
        kind = answer.get("FunctionError", "")
        told = json.loads(answer["Payload"].read() or b"{}") if kind else {}
        return f"{name} ({handler}): {told.get('errorType', kind)}: {told.get('errorMessage', '')}" if kind else ""

    with ThreadPoolExecutor(AT_ONCE) as threads:
        faults = [found for found in threads.map(fault, asked) if found]
    if faults:
        raise CannotStart("functions do not start:\n  " + "\n  ".join(faults))
