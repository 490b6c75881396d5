"""The whole product in one process, and people at their browsers before it."""

import contextlib
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from services.simulation import controls
from services.simulation.scene import PASSWORD
from shared.bundled import free_port
from shared.testing.databases import fresh_url
from tests.journeys.conftest import Stage, staged
from tests.web.test_in_browser import CHROMIUM

UNIT = "xa-ta-tong"
PHONE, DESK = 390, 1280
REFUSED = "status of 422"
"""Chromium notes on the console that a page came with this status: a form with faults does."""


class Walk:
    """People at their browsers, and whatever the pages complained of or asked of other hosts."""

    def __init__(self, stage: Stage, chromium: Browser, address: str) -> None:
        self.stage, self.chromium, self.address = stage, chromium, address
        self.complaints: list[str] = []
        self.forgiven = [REFUSED]

    async def sign_in(self, login: str, width: int) -> Page:
        """A person signs in, with the demo's password, in a browser of their own."""
        context = await self.chromium.new_context(viewport={"width": width, "height": 844}, locale="vi-VN")
        page = await context.new_page()
        page.on("request", lambda asked: self._blame("asks " + asked.url, not asked.url.startswith((self.address, "data:"))))
        page.on("pageerror", lambda error: self._blame(str(error)))
        page.on("console", lambda said: self._blame(said.text, said.type == "error" and not any(words in said.text for words in self.forgiven)))
        await page.goto(self.address + "/registration/sign-in")
        await page.get_by_label("Tên đăng nhập").fill(login)
        await page.get_by_label("Mật khẩu").fill(PASSWORD)
        await page.get_by_role("button", name="Đăng nhập").click()
        await page.wait_for_url(lambda url: "sign-in" not in url)
        return page

    def _blame(self, words: str, guilty: bool = True) -> None:
        if guilty:
            self.complaints.append(words)


@pytest_asyncio.fixture
async def walk(tmp_path, broker) -> AsyncIterator[Walk]:
    async with contextlib.AsyncExitStack() as opened:
        url = await opened.enter_async_context(fresh_url("sqlite"))
        stage = await opened.enter_async_context(staged(tmp_path / "data", broker, url))
        await stage.take_part(UNIT)
        await stage.at(stage.scene.loaded.campaign.rounds[0].opens_at)
        controls.attach(stage.scene.local.apps["registration"], stage.scene)
        address = await stage.scene.local.serve(free_port())
        driver = await opened.enter_async_context(async_playwright())
        chromium = await driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        opened.push_async_callback(chromium.close)
        found = Walk(stage, chromium, address)
        yield found
        assert found.complaints == []
