"""One JSON line a fact, with the correlation id and without what an exception says."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from services.kernel.telemetry import (
    configure_logging,
    correlated,
    correlation_from,
    correlation_id,
    logger,
    traceparent,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Give the process its former logging back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_correlation_is_taken_from_a_valid_header_only() -> None:
    assert correlation_from(f"00-{TRACE}-00f067aa0ba902b7-01") == TRACE
    assert correlation_from(traceparent(TRACE)) == TRACE
    for header in (None, "", "Maria", f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{TRACE.upper()}-00f067aa0ba902b7-01"):
        made = correlation_from(header)
        assert len(made) == 32 and made not in {TRACE, "0" * 32}


def test_correlation_ends_with_the_work() -> None:
    with correlated(TRACE):
        assert correlation_id() == TRACE
    assert correlation_id() == ""


def test_our_lines_and_the_libraries_are_alike(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("booking")
    with correlated(TRACE):
        logger().info("hold expired", count=2, patient_name="Maria")
        logging.getLogger("some.library").warning("told %s", "maria@example.org")
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["count"], ours["service"], ours["level"]) == ("hold expired", 2, "booking", "info")
    assert ours["patient_name"] == "[redacted]"
    assert theirs["event"] == "told [redacted]"
    assert ours["correlation_id"] == theirs["correlation_id"] == TRACE


@pytest.mark.parametrize("through", ["ours", "library"])
def test_an_exceptions_words_are_left_out(capsys: pytest.CaptureFixture[str], through: str) -> None:
    configure_logging("booking")
    try:
        raise ValueError("Key (family_name)=(Flores) already exists")
    except ValueError as error:
        if through == "ours":
            logger().error("request failed", exc_info=error)
        else:
            logging.getLogger("uvicorn.error").exception("failed")
    text = capsys.readouterr().out
    assert "Flores" not in text
    line = json.loads(text)
    assert line["error_type"] == "ValueError"
    assert "test_telemetry.py" in line["frames"][-1]
