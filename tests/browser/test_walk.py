"""One walk through the whole product in a real browser: a clerk reports and sees the score; the council's table moves by itself."""

from decimal import Decimal

import pytest
from playwright.async_api import Page, expect

from services.simulation.story import SECRETARY
from tests.browser.conftest import DESK, PHONE, UNIT
from tests.web.test_in_browser import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: make browser installs it")]

NAME = "Xã Tà Tổng"
HEAD = "huyen-muong-te.head"
PAPER = 624
"""An A4 sheet between its margins."""
PAGES = {
    f"{UNIT}.clerk": ("/reporting/due", "/evaluation/league", "/registration/participation", "/registration/works", "/registration/units",
                      "/registration/campaign", "/notification/inbox", "/registration/password"),
    HEAD: ("/", "/evaluation/warnings", "/reporting/completeness", "/registration/amendments"),
    SECRETARY: ("/evaluation/overview", "/evaluation/overview/silent", "/evaluation/league?order=worst", "/registration/participations",
                "/evaluation/council", "/evaluation/rankings", "/reporting/discrepancies", "/reporting/inbound", "/notification/log"),
    "kiem-tra": ("/registration/audit",),
    "van-hanh": ("/registration/operations", "/registration/dead-letters", "/registration/officers", "/registration/partners"),
}  # fmt: skip


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


async def test_on_paper_a_table_stays_a_table_and_within_the_sheet(walk):
    page = await walk.sign_in(f"{UNIT}.head", PAPER)
    for path in ("/reporting/rounds/ky-1", "/reporting/completeness", "/registration/works", "/evaluation/league"):
        await page.goto(walk.address + path)
        await page.emulate_media(media="print")
        assert await page.locator("thead").first.is_visible(), path
        assert await page.evaluate("document.documentElement.scrollWidth") == PAPER, path
        await page.emulate_media(media="screen")
