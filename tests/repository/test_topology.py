"""Events, who publishes and who takes them: the declaration and the code must tell the same story."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections import Counter

import pytest
from pydantic import ValidationError

from services.contracts import topology
from services.contracts.catalogue import load_catalogue
from services.contracts.events import EVENTS
from services.contracts.events.base import Event
from tests.repository.tree import parse, python_files, services, told

DECLARED: tuple[topology.Subscription | topology.Schedule | topology.DirectQueue, ...] = (
    *topology.SUBSCRIPTIONS,
    *topology.SCHEDULES,
    *topology.DIRECT_QUEUES,
)
LONGEST_RULE_NAME = 64  # EventBridge PutRule, Name; SQS allows 80


def _kinds(kind: type[Event]) -> set[type[Event]]:
    below = kind.__subclasses__()
    return {k for k in below if hasattr(k, "TYPE")}.union(*(_kinds(k) for k in below))


def _names_used(service: str) -> set[str]:
    used: set[str] = set()
    for file in python_files("services"):
        if file.parts[1] == service:
            for node in ast.walk(parse(file)):
                if isinstance(node, ast.Name):
                    used.add(node.id)
                elif isinstance(node, ast.Attribute):
                    used.add(node.attr)
    return used


def test_every_event_class_is_listed_once() -> None:
    assert set(EVENTS.values()) == _kinds(Event)
    assert len(EVENTS) == len(_kinds(Event)), "two classes share a TYPE"


def test_event_names_say_publisher_fact_and_version() -> None:
    odd = [name for name in EVENTS if not re.fullmatch(r"[a-z]+\.[a-z]+(-[a-z]+)+\.v[1-9]\d*", name)]
    strangers = [name for name in EVENTS if name.partition(".")[0] not in load_catalogue()]
    assert not odd + strangers, told(odd + strangers)


def test_every_event_is_published_by_its_service() -> None:
    used = {service: _names_used(service) for service in load_catalogue()}
    unpublished = [
        f"{name}: nothing in services/{name.partition('.')[0]} makes a {event.__name__}"
        for name, event in EVENTS.items()
        if event.__name__ not in used[name.partition(".")[0]]
    ]
    assert not unpublished, told(unpublished)


def test_every_event_is_taken_or_says_why_not() -> None:
    taken = {event for subscription in topology.SUBSCRIPTIONS for event in subscription.events}
    ownerless = [event.TYPE for event in EVENTS.values() if event not in taken and event not in topology.UNCONSUMED]
    stale = [event.TYPE for event in topology.UNCONSUMED if event in taken]
    mute = [event.TYPE for event, reason in topology.UNCONSUMED.items() if len(reason.split()) < 4]
    assert not ownerless, f"nobody takes them and no reason is given:{told(ownerless)}"
    assert not stale, f"said to be taken by nobody, but taken:{told(stale)}"
    assert not mute, f"reasons that say nothing:{told(mute)}"


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_example_is_a_whole_and_valid_event(event: type[Event]) -> None:
    parsed = event.model_validate(event.EXAMPLE)
    assert parsed.model_dump(mode="json") == {**parsed.model_dump(mode="json"), **event.EXAMPLE}
    assert set(event.EXAMPLE) == set(event.model_fields), "the example shows every field and no other"
    with pytest.raises(ValidationError, match="frozen"):
        setattr(parsed, next(iter(event.model_fields)), "changed")


def test_every_handler_exists() -> None:
    faults = []
    for entry in DECLARED:
        module, _, name = entry.handler.partition(":")
        if not module.startswith(f"services.{entry.service}."):
            faults.append(f"{entry.handler}: is not of {entry.service}")
            continue
        try:
            handler = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            faults.append(f"{entry.handler}: {error}")
            continue
        runs_as_function = isinstance(entry, topology.Schedule) or (
            isinstance(entry, topology.Subscription) and entry.runs == "lambda"
        )
        if runs_as_function != (".lambdas." in module):
            faults.append(f"{entry.handler}: functions, and only they, are in lambdas/")
        elif runs_as_function and len(inspect.signature(handler).parameters) != 2:
            faults.append(f"{entry.handler}: AWS calls a function with an event and a context")
        elif not callable(handler):
            faults.append(f"{entry.handler}: cannot be called")
    assert DECLARED
    assert not faults, told(faults)


def test_every_function_module_is_declared() -> None:
    declared = {entry.handler.partition(":")[0] for entry in DECLARED}
    present = {
        ".".join(file.with_suffix("").parts)
        for file in python_files("services")
        if "lambdas" in file.parts
        if any(isinstance(node, ast.FunctionDef) and node.name == "handler" for node in parse(file).body)
    }
    assert present <= declared, f"functions that nothing invokes:{told(sorted(present - declared))}"


def test_queues_are_well_formed() -> None:
    faults = []
    for sub in topology.SUBSCRIPTIONS:
        if not sub.queue.startswith(f"{sub.service}-") or len(sub.dead_letters) > LONGEST_RULE_NAME:
            faults.append(f"{sub.queue}: begins with its service and fits a rule's name")
        if sub.runs == "lambda" and sub.visibility_seconds < 6 * sub.timeout_seconds:
            faults.append(f"{sub.queue}: stays invisible for at least six times the function's timeout")
        if len(set(sub.event_types)) != len(sub.event_types) or not sub.event_types:
            faults.append(f"{sub.queue}: takes each event once, and at least one")
        if sub.signals and sub.events:
            faults.append(f"{sub.queue}: takes what AWS tells or what we tell, not both")
        faults += [
            f"{sub.queue}: {event.TYPE} has no {name} to tell by"
            for name in sub.only
            for event in sub.events
            if name not in event.model_fields
        ]
    faults += [
        f"{direct.queue}: begins with its service and says why it is not on the bus"
        for direct in topology.DIRECT_QUEUES
        if not direct.queue.startswith(f"{direct.service}-") or len(direct.reason.split()) < 4
    ]
    faults += [
        f"{name}: declared twice" for name, n in Counter(s.queue for s in topology.SUBSCRIPTIONS).items() if n > 1
    ]
    assert not faults, told(faults)


def test_catalogue_and_folders_agree() -> None:
    catalogue = load_catalogue()
    assert set(catalogue) == set(services()) - {"local"}
    assert {entry.service for entry in DECLARED} <= set(catalogue)
