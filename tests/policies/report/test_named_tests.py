"""A test counts as passed only if the file says that it ran and passed, in every case of it."""

from pathlib import Path

import pytest

from policies.report.named_tests import outcomes
from services.kernel.errors import Invalid

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a.test_b" name="test_good[1]"/><testcase classname="tests.a.test_b" name="test_good[2]"/>
<testcase classname="tests.a.test_b" name="test_bad[1]"/>
<testcase classname="tests.a.test_b" name="test_bad[2]"><failure/></testcase>
<testcase classname="tests.a.test_b" name="test_left_out"><skipped/></testcase>
</testsuite></testsuites>"""


def test_the_worst_case_counts(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_text(JUNIT)
    assert outcomes(file) == {
        "tests/a/test_b.py::test_good": "pass",
        "tests/a/test_b.py::test_bad": "fail",
        "tests/a/test_b.py::test_left_out": "skipped",
    }


@pytest.mark.parametrize("text", ["", "not xml", None])
def test_a_file_that_is_none_is_told(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "junit.xml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Invalid, match=r"junit\.xml"):
        outcomes(file)
