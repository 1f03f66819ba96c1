"""A real browser for tests: Debian's chromium, driven by selenium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1400",
)
LIMIT = 60.0

needs_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="needs chromium and chromedriver (Debian: chromium, chromium-driver)"
)


class Page:
    """The page as somebody uses it."""

    def __init__(self, browser: Chrome) -> None:
        self.browser = browser

    def find(self, selector: str) -> WebElement:
        """The first element of this CSS selector that can be seen; waits for it."""
        found = WebDriverWait(self.browser, LIMIT).until(
            lambda browser: next((e for e in browser.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()), False)
        )
        assert isinstance(found, WebElement)
        return found

    def click(self, selector: str) -> None:
        element = self.find(selector)
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def picture(self, name: str) -> None:
        """Keep a screenshot where NATYA_PICTURES says, for people to look at."""
        if folder := os.environ.get("NATYA_PICTURES"):
            self.browser.save_screenshot(str(Path(folder) / f"docs-{name}.png"))

    def complaints(self) -> list[str]:
        """What the browser has to say of the page: scripts that failed, things that its policy forbids."""
        entries = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]


@contextmanager
def browsing(folder: Path) -> Iterator[Page]:
    """A new browser with nothing in it but what it writes below ``folder``."""
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={folder / 'browser'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=ChromeService(str(DRIVER)))
    try:
        yield Page(browser)
    except BaseException:
        Page(browser).picture("failed")
        raise
    finally:
        browser.quit()
