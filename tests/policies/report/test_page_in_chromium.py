"""The page in a real browser: accessible, no wider than that, its numbers open, it filters, nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from policies.report.page import page
from tests.fixtures.browsing import DESK, PHONE, RULES, browser
from tests.policies.report.documents import header, report


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    file: Path = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(page(report(), header()), "utf-8")
    with browser() as chrome:
        window = chrome.new_page(viewport={"width": DESK[0], "height": DESK[1]})
        asked: list[str] = []
        window.on("request", lambda request: asked.append(request.url))
        window.goto(file.as_uri())
        yield window
        assert asked == [file.as_uri()]


def test_a_number_opens_the_resources_behind_it(opened: Page) -> None:
    opened.locator("tr", has_text="164.312(a)(2)(iv)").locator("button").first.click()
    assert opened.locator("#drill h3").inner_text() == "164.312(a)(2)(iv), s3"
    row = opened.locator("#drill tbody tr", has_text="bucket-encrypted").inner_text()
    assert [row.split("\t")[column] for column in (0, 2, 3, 4)] == [
        "fail", "dev-us-east-1", "infra/components/x.py:3", "bucket-encrypted",
    ]  # fmt: skip
    assert opened.evaluate("document.activeElement.textContent") == "164.312(a)(2)(iv), s3"


def test_the_filter_leaves_what_was_asked_for(opened: Page) -> None:
    shown = opened.locator("tr[data-status]:visible")
    everything = shown.count()
    opened.select_option("#by-status", "not-covered")
    wanted = sum(one["status"] == "not-covered" for one in [*report()["requirements"], *report()["controls"]])
    assert 0 < shown.count() == wanted < everything
    opened.fill("#by-text", "no such words")
    assert shown.count() == 0
    opened.fill("#by-text", "")
    opened.select_option("#by-status", "")
    assert shown.count() == everything


def test_it_is_accessible_and_no_wider_than_desk_and_phone(opened: Page) -> None:
    opened.evaluate("document.querySelectorAll('details.opened').forEach(one => { one.open = true; })")
    found = Axe().run(opened, options=RULES).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
    for width, height in (DESK, PHONE):
        opened.set_viewport_size({"width": width, "height": height})
        assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_printed_it_shows_the_tables_of_access_and_no_controls(opened: Page) -> None:
    opened.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    opened.evaluate("document.querySelectorAll('details').forEach(one => { one.open = false; })")
    opened.emulate_media(media="print")
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.locator("details.opened[open]").count() == 3
    assert not opened.locator(".filter").first.is_visible()
    assert not opened.locator("details.rule").first.is_visible()
    opened.emulate_media(media="screen")
