"""The deployed page in a real browser, through the load balancer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.deployed import Deployed

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


def test_the_page_shows_both_versions_and_a_healthy_backend(deployed: Deployed, browser: Browser) -> None:
    version = deployed.next_version()
    deployed.project.succeed("deploy", "--service=all", f"--version={version}")
    page = browser.new_page()

    page.goto(f"{deployed.clients.target.app_url}/")

    expect(page.get_by_test_id("frontend-version")).to_have_text(version)
    expect(page.get_by_test_id("backend-version")).to_have_text(version)
    expect(page.get_by_test_id("backend-status")).to_have_text("healthy")


def test_a_page_opened_again_after_a_deploy_needs_no_hard_refresh(deployed: Deployed, browser: Browser) -> None:
    first, second = deployed.next_version(), deployed.next_version()
    deployed.project.succeed("deploy", "--service=frontend", f"--version={first}")
    page = browser.new_page()
    page.goto(f"{deployed.clients.target.app_url}/")
    expect(page.get_by_test_id("frontend-version")).to_have_text(first)

    deployed.project.succeed("deploy", "--service=frontend", f"--version={second}")
    page.goto(f"{deployed.clients.target.app_url}/")

    expect(page.get_by_test_id("frontend-version")).to_have_text(second)
