"""A clerk reports by workbook in a real browser: takes it along, fills it in, looks at the faults, takes them along, mends them, hands in."""

import pytest
from openpyxl import load_workbook
from playwright.async_api import Page, expect

from services.reporting.pages.workbooks.layout import FIRST_ROW
from tests.browser.conftest import DESK, UNIT
from tests.reporting.books import at
from tests.web.test_in_browser import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: make browser installs it")]

VALUE, NOTE = '[name="values.0.value"]', '[name="values.0.note"]'


async def fetched(page: Page, role: str, name: str, to) -> None:
    """What a click brings, as a file."""
    async with page.expect_download() as started:
        await page.get_by_role(role, name=name).click()
    await (await started.value).save_as(to)


async def handed(page: Page, file) -> None:
    await page.set_input_files("#workbook", file)
    await page.get_by_role("button", name="Đọc tệp vào bảng").click()
    await expect(page.get_by_text("chưa lưu gì")).to_be_visible()


async def test_a_workbook_goes_out_comes_back_with_faults_is_mended_and_becomes_a_report(walk, tmp_path):
    clerk = await walk.sign_in(f"{UNIT}.clerk", DESK)
    await clerk.get_by_role("link", name="Nhập báo cáo").click()
    await clerk.get_by_text("Báo cáo bằng tệp Excel").click()
    file = tmp_path / "báo cáo.xlsx"
    await fetched(clerk, "link", "Tải biểu mẫu Excel", file)
    book = load_workbook(file)
    for row in range(FIRST_ROW, book.active.max_row + 1):
        at(book.active, row - FIRST_ROW, "value").value = at(book.active, row - FIRST_ROW, "target").value
    at(book.active, 0, "value").value = "1.234"
    book.save(file)

    await handed(clerk, file)
    await expect(clerk.locator(VALUE)).to_have_value("1.234")
    await expect(clerk.locator('[id="values.0.value-fault"]')).to_contain_text("có thể hiểu theo hai cách")
    await clerk.fill(NOTE, "gõ thêm ở trang")
    await fetched(clerk, "button", "Tải tệp Excel có ghi chú lỗi", file)
    await expect(clerk.locator(NOTE)).to_have_value("gõ thêm ở trang")
    noted = load_workbook(file)
    assert "có thể hiểu theo hai cách" in at(noted.active, 0, "value").comment.text
    assert at(noted.active, 0, "note").value == "gõ thêm ở trang"

    at(noted.active, 0, "value").value = at(noted.active, 0, "target").value
    noted.save(file)
    clerk.on("dialog", lambda asked: asked.accept())
    await handed(clerk, file)
    await clerk.get_by_role("button", name="Nộp báo cáo").click()
    await expect(clerk.locator("h1")).to_have_text("Đã nhận báo cáo")
