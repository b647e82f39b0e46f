"""A real Chromium before the portal: every screen is checked for accessibility and width, and kept as a picture."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.journeys.running import Running

SHOTS = Path(__file__).resolve().parents[2] / ".cache" / "screenshots"
PHONE, DESK = (360, 740), (1180, 800)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# WCAG 2.1 AA, and axe's own good practices.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


def chromium() -> str:
    """Return where Chromium is; skip without one, fail where one is required."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        told = "needs Chromium (on Debian: apt-get install chromium)"
        if os.environ.get("CARESLOT_REQUIRE_BROWSER") == "1":
            pytest.fail(told)
        pytest.skip(told)
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """Run Chromium."""
    path = chromium()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


class Screen:
    """One person's window. ``faults`` collects what the browser itself complained about."""

    def __init__(self, chrome: Browser, platform: Running, size: tuple[int, int] = PHONE) -> None:
        self.root = f"{platform.state.gateway}/portal/"
        self._platform = platform
        self.context = chrome.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-US")
        self.context.set_default_timeout(20_000)
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def open(self, path: str) -> None:
        """Go to a page of the portal."""
        self.page.goto(self.root + path)

    def sign_in(self, username: str) -> None:
        """Sign in with keys only."""
        self.open("sign-in")
        self.reach("#username")
        self.page.keyboard.type(username)
        self.page.keyboard.press("Tab")
        self.page.keyboard.type(self._platform.state.user(username).password)
        self.go("Enter")

    def reach(self, selector: str, most: int = 150) -> None:
        """Press Tab until the element has the focus, which must be seen."""
        wanted = self.page.locator(selector).first
        wanted.wait_for()
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if wanted.evaluate("element => element === document.activeElement"):
                outline = wanted.evaluate("element => getComputedStyle(element).outlineStyle")
                assert outline != "none", f"the focus on {selector} is not seen"
                return
        raise AssertionError(f"{selector} cannot be reached with Tab on {self.page.url}")

    def go(self, key: str) -> None:
        """Press a key that leads to another page."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)

    def press(self, selector: str) -> None:
        """Reach a link or button with Tab and press Enter."""
        self.reach(selector)
        self.go("Enter")

    def see(self, name: str) -> None:
        """Keep a picture; fail for anything axe finds, for sideways scrolling, for complaints of the browser."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} pixels too wide"
        found = Axe().run(self.page, options=RULES).response["violations"]
        told = [f"{fault['id']}: {[node['html'][:120] for node in fault['nodes']]}" for fault in found]
        assert not told, f"{name}: {told}"
        assert not self.faults, f"{name}: {self.faults}"

    def close(self) -> None:
        """Close the window."""
        self.context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        # A page with a 4xx status is meant; refusals of the content security policy and script errors are not.
        if message.type == "error" and "the server responded with a status of 4" not in message.text:
            self.faults.append(message.text)
