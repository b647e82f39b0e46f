"""What evidence amounts to: never "shown" by what was not run, and the worst of it otherwise."""

import pytest

from policies.report.evidence import overall


@pytest.mark.parametrize(
    ("statuses", "amounts_to"),
    [
        ((), "not-covered"),
        (("organisational",), "organisational"),
        (("inherited", "organisational"), "inherited"),
        (("pass", "inherited"), "pass"),
        (("pass", "not-run"), "partly"),
        (("not-run", "organisational"), "not-run"),
        (("pass", "cannot-tell"), "cannot-tell"),
        (("pass", "waived", "not-run"), "waived"),
        (("pass", "waived", "fail"), "fail"),
        (("not-applicable", "pass"), "pass"),
    ],
)
def test_evidence_amounts_to_the_worst_of_it(statuses: tuple[str, ...], amounts_to: str) -> None:
    assert overall(statuses) == amounts_to
