"""Every rule says something of every resource it is about: pass, fail, cannot tell, or not about it."""

from __future__ import annotations

from collections.abc import Iterator

from infra.recording.graph import UNKNOWN
from policies.rules.judging import STACK, Book, Finding, Verdict, judged
from policies.rules.reading import View
from tests.policies.rules.samples import graphs

BOOK = Book()
QUEUE = "aws:sqs/queue:Queue"


@BOOK.rule("small", "Queues are small", QUEUE, remedy="Make it smaller.", when=lambda queue: queue["size"] is not None)
def _small(queue: View) -> Iterator[str]:
    if queue["colour"] == "red":
        yield "is red"
    if queue.number("size") > 10:
        yield "is big"


@BOOK.rule("some", "There is a queue", STACK, remedy="Add a queue.", scope="stack")
def _some(stack: View) -> Iterator[str]:
    if not stack.beside(QUEUE):
        yield "there is no queue"


def said(**queues: dict[str, object]) -> dict[str, Finding]:
    """Return what is said of queues by name."""
    declared = {name: {"is": "sqs/queue:Queue", **queue} for name, queue in queues.items()}
    return {finding.name: finding for finding in judged(BOOK.rules, graphs(declared))}


def test_there_are_four_verdicts() -> None:
    found = said(a={"size": 1}, b={"size": 11}, c={"size": UNKNOWN}, d={})
    assert {name: finding.verdict for name, finding in found.items()} == {
        "a": Verdict.PASS,
        "b": Verdict.FAIL,
        "c": Verdict.UNKNOWN,
        "d": Verdict.NOT_APPLICABLE,
        "prod-us-east-1": Verdict.PASS,
    }
    assert (found["b"].message, found["b"].place) == ("is big", "sample.py:1")
    assert found["c"].message == "size is not known before it is deployed"


def test_what_was_found_before_an_unknown_counts() -> None:
    found = said(a={"size": 1, "colour": "red"}, b={"colour": UNKNOWN, "size": 11})
    assert found["a"].message == "is red"
    assert found["b"].verdict is Verdict.UNKNOWN


def test_a_whole_stack_can_be_judged_and_is_placed_where_stacks_are_made() -> None:
    (finding,) = judged(BOOK.rules, graphs({}))
    assert (finding.verdict, finding.message, finding.file) == (Verdict.FAIL, "there is no queue", "infra/assembly.py")
    assert finding.as_dict()["verdict"] == "fail"
