"""The page says all of it without fetching anything, and no name can break out of it."""

from __future__ import annotations

import re

from policies.report.page import page
from tests.policies.report.documents import header, report


def test_a_finding_is_told_with_place_reason_and_cure() -> None:
    html = page(report(), header())
    failure = report()["failures"][0]
    assert failure["rule"] in html
    assert "infra/components/x.py:3" in html
    assert header()["sha256"] in html
    assert "Ensure it &lt;is&gt; so" in html
    assert "Ensure it <is> so" not in html


def test_nothing_is_fetched() -> None:
    html = page(report(), header())
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#)[^"']+""", html)
    assert "url(" not in html


def test_every_requirement_is_there_covered_or_not() -> None:
    html = page(report(), header())
    assert all(one["id"] in html for one in report()["requirements"])
    assert "not covered" in html


def test_the_same_content_gives_the_same_page() -> None:
    assert page(report(), header()) == page(dict(report()), header())
