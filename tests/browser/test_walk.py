"""One walk through the whole product in a real browser: a clerk reports and sees the score; the council's table moves by itself."""

import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from services.simulation import controls
from services.simulation.scene import PASSWORD
from services.simulation.story import SECRETARY
from shared.bundled import free_port
from shared.testing.databases import fresh_url
from tests.journeys.conftest import Stage, staged
from tests.web.test_in_browser import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: make browser installs it")]

UNIT = "xa-ta-tong"
NAME = "Xã Tà Tổng"
HEAD = "huyen-muong-te.head"
PHONE, DESK = 390, 1280
REFUSED = "status of 422"
"""Chromium notes on the console that a page came with this status: a form with faults does."""
PAGES = {
    f"{UNIT}.clerk": ("/reporting/due", "/evaluation/league", "/registration/participation", "/registration/works", "/registration/units",
                      "/registration/campaign", "/notification/inbox", "/registration/password"),
    HEAD: ("/", "/evaluation/warnings", "/reporting/completeness", "/registration/amendments"),
    SECRETARY: ("/evaluation/overview", "/evaluation/overview/silent", "/evaluation/league?order=worst", "/registration/participations",
                "/evaluation/council", "/evaluation/rankings", "/reporting/discrepancies", "/reporting/inbound", "/notification/log"),
    "kiem-tra": ("/registration/audit",),
    "van-hanh": ("/registration/operations", "/registration/dead-letters", "/registration/officers", "/registration/partners"),
}  # fmt: skip


class Walk:
    """People at their browsers, and whatever the pages complained of or asked of other hosts."""

    def __init__(self, stage: Stage, chromium: Browser, address: str) -> None:
        self.stage, self.chromium, self.address = stage, chromium, address
        self.complaints: list[str] = []

    async def sign_in(self, login: str, width: int) -> Page:
        """A person signs in, with the demo's password, in a browser of their own."""
        context = await self.chromium.new_context(viewport={"width": width, "height": 844}, locale="vi-VN")
        page = await context.new_page()
        page.on("request", lambda asked: self._blame("asks " + asked.url, not asked.url.startswith((self.address, "data:"))))
        page.on("pageerror", lambda error: self._blame(str(error)))
        page.on("console", lambda said: self._blame(said.text, said.type == "error" and REFUSED not in said.text))
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


async def fill_in(page: Page, at: dict[int, str]) -> None:
    """Every value of the grid half-way to its target, but those of `at`."""
    rows = page.locator("[data-grid] tbody tr")
    for place in range(await rows.count()):
        target = (await rows.nth(place).locator("td.number").nth(1).inner_text()).replace(".", "").replace(",", ".")
        value = at.get(place) or f"{round(Decimal(target) / 2):f}"
        await page.fill(f'[name="values.{place}.value"]', value)


async def test_a_clerk_reports_and_the_councils_table_moves_by_itself(walk):
    council = await walk.sign_in(SECRETARY, DESK)
    await council.goto(walk.address + "/evaluation/league")
    row = council.locator("tr", has_text=NAME)
    before = await row.inner_text()
    await council.evaluate("window.notReloaded = true")

    clerk = await walk.sign_in(f"{UNIT}.clerk", PHONE)
    await expect(clerk.get_by_role("heading", level=1)).to_have_text("Việc cần làm")
    await clerk.get_by_role("link", name="Nhập báo cáo").click()
    await fill_in(clerk, {0: "chín"})
    await clerk.get_by_role("button", name="Nộp báo cáo").click()
    await expect(clerk.locator(".faults")).to_be_focused()
    await expect(clerk.locator(".faults")).to_contain_text("“chín” không phải là số")
    await fill_in(clerk, {})
    await clerk.get_by_role("button", name="Nộp báo cáo").click()
    odd = clerk.locator('[name$=".confirmed"]')
    for place in range(await odd.count()):
        await odd.nth(place).check()
    if await odd.count():
        await clerk.get_by_role("button", name="Nộp báo cáo").click()
    await expect(clerk.get_by_role("heading", level=1)).to_have_text("Đã nhận báo cáo")

    await expect(row).not_to_have_text(before, use_inner_text=True)
    assert await council.evaluate("window.notReloaded")
    score = (await row.locator("td").nth(2).inner_text()).strip()
    await clerk.get_by_role("link", name="Xem điểm của đơn vị").click()
    await expect(clerk.locator(".stat dd").first).to_contain_text(score)


async def test_no_main_page_is_wider_than_a_phone(walk):
    for login, paths in PAGES.items():
        page = await walk.sign_in(login, PHONE)
        for path in paths:
            answer = await page.goto(walk.address + path)
            assert answer is not None and answer.status == 200, path
            assert await page.evaluate("document.documentElement.scrollWidth") == PHONE, path
        await page.context.close()
