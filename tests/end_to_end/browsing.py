"""A real browser before the dashboard of a real Helio: Chromium, without a screen or a network of
its own."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from processes import HelioProcess

QUIET = (
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-default-apps", "--disable-extensions", "--no-first-run", "--no-pings"),
    *("--disable-domain-reliability", "--disable-client-side-phishing-detection"),
)
"""Keeps Chromium from asking anybody for anything."""
PATIENCE = 20_000
"""Milliseconds that a page may take to show something: machines are busy while they test."""
NAMES = ("chromium", "chromium-browser", "google-chrome")
_EXPECTED = re.compile(
    r"status of (400|401|409|503)|ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|FAILED)"
)
"""Answers that a page was made to get: a browser notes each of them."""

Theme = Literal["light", "dark"]


def chromium() -> str:
    """Where Chromium is. Skips the test where there is none, or fails where one is required."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    text = "there is no Chromium: `make browser`, or your system's package `chromium`"
    if os.environ.get("HELIO_REQUIRE_PEERS"):
        pytest.fail(text)
    pytest.skip(text)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser that ends with the block."""
    with running_browsers(1) as (browser,):
        yield browser


@contextmanager
def running_browsers(number: int) -> Iterator[list[Browser]]:
    """Browsers, each of processes of its own, that end with the block."""
    path = chromium()
    sandbox = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
    with sync_playwright() as driver:
        launch = driver.chromium.launch
        browsers = [launch(executable_path=path, args=[*QUIET, *sandbox]) for _ in range(number)]
        yield browsers
        for browser in browsers:
            browser.close()


class Desk:
    """One operator's browser window, before one Helio. What it complains of is kept."""

    def __init__(
        self,
        browser: Browser,
        process: HelioProcess,
        *,
        theme: Theme = "light",
        width: int = 1280,
        checked: bool = False,
    ) -> None:
        """`checked` lets a checker's own scripts into the page."""
        self.process = process
        self.context: BrowserContext = browser.new_context(
            color_scheme=theme, viewport={"width": width, "height": 800}, bypass_csp=checked
        )
        self.context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _EXPECTED.search(message.text):
            self.complaints.append(message.text)

    def open(self, address: str = "#/live") -> None:
        """Goes there, and waits until it is drawn."""
        self.page.goto(f"{self.process.operator_url}/{address}")
        self.page.wait_for_selector("h1")

    def sign_in(self, name: str = "ann") -> None:
        """Signs in by the form."""
        self.open()
        self.page.get_by_label("Operator's secret").fill(self.process.secret)
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_selector("nav.tabs")

    def sees(self, text: str) -> None:
        """Waits until the text is there."""
        self.page.get_by_text(text).first.wait_for()

    def close(self) -> None:
        """Closes the window, which must have had nothing to complain of."""
        self.context.close()
        assert self.complaints == []


Sit = Callable[..., Desk]
"""Opens a window before a Helio."""
