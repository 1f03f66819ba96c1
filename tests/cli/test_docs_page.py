"""The page at `/docs` of a running platform in a real browser: log in, call a command, see the answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from cli.conftest import Up
from support.browser import Page, browsing, needs_browser

OPERATION = "[id^=operations-account-][id$=deposit]"


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("way", ["token", "client"])
def test_somebody_logs_in_and_calls_a_command(up: Up, tmp_path: Path, way: str) -> None:
    with browsing(tmp_path) as page:
        page.browser.get(f"{up.ready['http']}/docs")
        page.find(OPERATION)
        page.picture(f"start-{way}")
        page.click(".btn.authorize")
        if way == "token":
            page.find("#auth-bearer-value").send_keys(up.ready["token"])
            page.click(".auth-container .auth-btn-wrapper .authorize")
        else:
            page.find("#client_id_clientCredentials").send_keys(up.ready["client"]["id"])
            page.find("#client_secret_clientCredentials").send_keys(up.ready["client"]["secret"])
            page.click(".auth-container:has(#client_id_clientCredentials) .auth-btn-wrapper .authorize")
        page.find(".scheme-container .authorize.locked")
        page.picture(f"logged-in-{way}")
        page.click(".btn-done")
        deposit(page, f"browser-{way}")
        assert page.complaints() == []


def deposit(page: Page, key: str) -> None:
    page.click(f"{OPERATION} .opblock-summary-control")
    field = page.find(f"{OPERATION} tr[data-param-name=key] input")
    field.clear()
    field.send_keys(key)
    page.click(f"{OPERATION} .btn.execute")
    status = page.find(f"{OPERATION} .live-responses-table tbody .response-col_status")
    page.picture(f"answer-{key}")
    assert status.text.startswith("200")
    assert '"balance": 5' in page.browser.find_element(By.CSS_SELECTOR, f"{OPERATION} .live-responses-table").text
