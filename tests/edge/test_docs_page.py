"""The page at `/docs` in a real browser: log in, call a command, see the answer."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from natya_edge.auth.dev_secret import make_dev_token
from natya_edge.main import Running
from support.edge import SECRET

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
OPERATION = "[id^=operations-account-][id$=deposit]"

pytestmark = pytest.mark.skipif(
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


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'browser'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=ChromeService(str(DRIVER)))
    try:
        yield Page(browser)
    finally:
        browser.quit()


async def test_somebody_logs_in_and_calls_a_command(edge: Running, page: Page, key: str) -> None:
    await asyncio.to_thread(deposit, page, f"{edge.url}/docs", key)


def deposit(page: Page, url: str, key: str) -> None:
    page.browser.get(url)
    page.find(OPERATION)
    page.picture("start")
    page.click(".btn.authorize")
    page.find("#auth-bearer-value").send_keys(make_dev_token(SECRET, key))
    page.picture("log-in")
    page.click(".auth-btn-wrapper .authorize")
    page.click(".btn-done")

    page.click(f"{OPERATION} .opblock-summary-control")
    field = page.find(f"{OPERATION} tr[data-param-name=key] input")
    field.clear()
    field.send_keys(key)
    page.click(f"{OPERATION} .btn.execute")
    page.find(f"{OPERATION} .live-responses-table tbody .response-col_status")
    page.picture("answer")
    assert page.find(f"{OPERATION} .live-responses-table tbody .response-col_status").text.startswith("200")
    assert '"balance": 5' in page.find(f"{OPERATION} .live-responses-table .highlight-code").text
    assert page.complaints() == []
