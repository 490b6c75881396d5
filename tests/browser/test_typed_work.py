"""Nobody loses what they typed: the session ends, the network goes, the tab is closed, and the fields come back."""

import openpyxl
import pytest
from playwright.async_api import Page, Route, expect

from services.simulation.scene import PASSWORD
from tests.browser.conftest import DESK, PHONE, UNIT
from tests.browser.test_walk import fill_in
from tests.reporting.books import at
from tests.web.test_in_browser import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: make browser installs it")]

CLERK = f"{UNIT}.clerk"
NOTE = '[name="values.0.note"]'
REPORT = "Nộp báo cáo"
KEPT = "Đã điền lại những gì đồng chí gõ"


async def at_the_grid(walk, width: int = DESK) -> Page:
    clerk = await walk.sign_in(CLERK, width)
    await clerk.get_by_role("link", name="Nhập báo cáo").click()
    return clerk


async def sign_in_again(page: Page, login: str = CLERK) -> None:
    await page.get_by_label("Tên đăng nhập").fill(login)
    await page.get_by_label("Mật khẩu").fill(PASSWORD)
    await page.get_by_role("button", name="Đăng nhập").click()


async def test_a_session_that_ends_in_the_middle_of_a_form_takes_nothing_away(walk):
    clerk = await at_the_grid(walk)
    await fill_in(clerk, {})
    await clerk.fill(NOTE, "số của Phòng Tài chính")
    await clerk.context.clear_cookies()
    await clerk.get_by_role("button", name=REPORT).click()
    await expect(clerk.get_by_text("lần gửi vừa rồi chưa được nhận")).to_be_visible()
    await expect(clerk.get_by_text("Những gì đã gõ vẫn còn trên máy này")).to_be_visible()
    await sign_in_again(clerk)
    await expect(clerk.get_by_text(KEPT)).to_be_visible()
    await expect(clerk.locator(NOTE)).to_have_value("số của Phòng Tài chính")
    await clerk.get_by_role("button", name=REPORT).click()
    await expect(clerk.locator("h1")).to_have_text("Đã nhận báo cáo")


async def test_a_closed_tab_comes_back_as_it_was_and_one_click_drops_it(walk):
    clerk = await at_the_grid(walk)
    await clerk.fill(NOTE, "dở dang")
    await clerk.select_option('[name="values.0.kind"]', "estimate")
    again = await clerk.context.new_page()
    await again.goto(clerk.url)
    await expect(again.locator(NOTE)).to_have_value("dở dang")
    await expect(again.locator('[name="values.0.kind"]')).to_have_value("estimate")
    await again.get_by_role("button", name="Bỏ phần đã gõ").click()
    await expect(again.locator(NOTE)).to_have_value("")
    await again.reload()
    await expect(again.get_by_text(KEPT)).to_have_count(0)


async def test_what_was_taken_in_is_not_offered_again(walk):
    clerk = await at_the_grid(walk)
    grid = clerk.url
    await fill_in(clerk, {})
    await clerk.get_by_role("button", name=REPORT).click()
    odd = clerk.locator('[name$=".confirmed"]')
    for place in range(await odd.count()):
        await odd.nth(place).check()
    if await odd.count():
        await clerk.get_by_role("button", name=REPORT).click()
    await expect(clerk.locator("h1")).to_have_text("Đã nhận báo cáo")
    await clerk.goto(grid)
    await expect(clerk.get_by_text(KEPT)).to_have_count(0)


async def test_the_next_officer_at_the_same_computer_sees_nothing_of_it_and_signing_out_clears_it(walk):
    clerk = await at_the_grid(walk)
    grid = clerk.url
    await clerk.fill(NOTE, "của tôi")
    clerk.on("dialog", lambda asked: asked.accept())
    await clerk.context.clear_cookies()
    await clerk.goto(grid)
    await sign_in_again(clerk, f"{UNIT}.head")
    await expect(clerk.locator(NOTE)).to_have_value("")
    assert await clerk.evaluate("localStorage.length") == 1
    await clerk.context.clear_cookies()
    await clerk.goto(grid)
    await sign_in_again(clerk)
    await expect(clerk.locator(NOTE)).to_have_value("của tôi")
    await clerk.get_by_role("button", name="Đăng xuất").click()
    await expect(clerk.locator("h1")).to_have_text("Đăng nhập")
    assert await clerk.evaluate("localStorage.length") == 0


async def test_without_a_network_nothing_is_sent_and_the_page_says_so_at_once(walk):
    walk.forgiven.append("ERR_INTERNET_DISCONNECTED")
    clerk = await at_the_grid(walk, PHONE)
    await clerk.fill(NOTE, "đang gõ")
    await clerk.context.set_offline(True)
    await expect(clerk.get_by_text("Mất kết nối mạng").first).to_be_visible()
    await clerk.get_by_role("button", name=REPORT).click()
    await expect(clerk.locator(".sending")).to_contain_text("chưa gửi được")
    await expect(clerk.locator(NOTE)).to_have_value("đang gõ")
    await clerk.context.set_offline(False)
    await expect(clerk.get_by_text("Mất kết nối mạng")).to_have_count(0)


async def test_a_slow_sending_is_said_and_may_be_repeated(walk):
    clerk = await walk.sign_in(CLERK, DESK)
    await clerk.clock.install()
    await clerk.get_by_role("link", name="Nhập báo cáo").click()
    sent = []

    async def nothing_comes(route: Route) -> None:
        sent.append(route.request.url)
        await route.fulfill(status=204)  # the browser stays where it is

    await clerk.route("**/reporting/rounds/**", nothing_comes)
    button = clerk.get_by_role("button", name=REPORT)
    await button.click()
    await clerk.clock.run_for(1500)
    await expect(clerk.locator(".sending")).to_have_text("Đang gửi…")
    await button.click()
    await clerk.clock.run_for(20000)
    await expect(clerk.locator(".sending")).to_contain_text("bấm gửi lại")
    assert len(sent) == 1, "an impatient click too many"
    async with clerk.expect_request("**/reporting/rounds/**"):
        await button.click()


async def test_figures_of_a_workbook_stay_as_typed_ones_do(walk, tmp_path):
    clerk = await at_the_grid(walk)
    await clerk.fill(NOTE, "gõ trước khi có tệp")
    await clerk.get_by_text("Báo cáo bằng tệp Excel").click()
    async with clerk.expect_download() as started:
        await clerk.get_by_role("link", name="Tải biểu mẫu Excel").click()
    file = tmp_path / "bao-cao.xlsx"
    await (await started.value).save_as(file)
    book = openpyxl.load_workbook(file)
    at(book.active, 0, "value").value, at(book.active, 0, "note").value = 12.5, "từ tệp"
    book.save(file)
    clerk.on("dialog", lambda asked: asked.accept())
    await clerk.set_input_files("#workbook", file)
    await clerk.get_by_role("button", name="Đọc tệp vào bảng").click()
    await expect(clerk.get_by_text("chưa lưu gì")).to_be_visible()
    await expect(clerk.locator('[name="values.0.value"]')).to_have_value("12,5")
    await expect(clerk.locator(NOTE)).to_have_value("từ tệp")
    await clerk.context.clear_cookies()
    await clerk.get_by_role("button", name=REPORT).click()
    await sign_in_again(clerk)
    await expect(clerk.locator('[name="values.0.value"]')).to_have_value("12,5")
    await expect(clerk.locator(NOTE)).to_have_value("từ tệp")
