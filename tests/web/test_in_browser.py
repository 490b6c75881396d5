"""What only a browser can show: focus, width, pasted cells, double clicks, and that the policy of the page holds."""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Page, async_playwright, expect

from shared.events.registration import Role
from shared.security import PLAIN_COOKIE
from tests.web.conftest import Site
from tests.web.test_common_pages import bury, note

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: make browser installs it")]
GRID = """
{% extends "page.html" %}{% from "macros.html" import faults as summary, field, table, tabs %}{% block content %}
<h1>Nhập</h1>{{ tabs([("/reporting/due", "Sự kiện"), ("/x", "Cách gửi và nghe"), ("/y", "Chạy thử")], "/reporting/due") }}
<fieldset class="checks"><label><input type="checkbox" name="c"> <span>{{ "Tỷ lệ giải ngân vốn đầu tư công " * 3 }}</span></label></fieldset>{{ summary(wrong) }}
<form method="post" action="/reporting/notes" data-keep><input type="hidden" name="csrf" value="{{ csrf }}">
{{ field("note", "Ghi chú", "cũ", wrong) }}
{% call table("Rất nhiều cột") %}<tbody data-grid>{% for r in range(2) %}<tr>{% for c in range(12) %}
<td><input type="text" data-row="{{ r }}" data-column="{{ c }}" aria-label="{{ r }}-{{ c }}"></td>{% endfor %}</tr>{% endfor %}</tbody>{% endcall %}
<button>Gửi</button></form>{% endblock %}
"""


class Browser:
    """Opens pages of the running site and remembers every complaint and every request that leaves it."""

    def __init__(self, context, address: str) -> None:
        self.context, self.address = context, address
        self.complaints: list[str] = []
        self.posts: list[str] = []

    async def open(self, path: str) -> Page:
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if "Content Security Policy" in said.text else None)
        page.on("request", self._asked)
        await page.goto(self.address + path)
        return page

    def _asked(self, request) -> None:
        if not request.url.startswith((self.address, "data:")):
            self.complaints.append(f"asks {request.url}")
        if request.method == "POST":
            self.posts.append(request.url)


@contextlib.asynccontextmanager
async def served(web: Site) -> AsyncIterator[str]:
    """The site on a free port of this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(web.app, log_level="critical", lifespan="off", ws="none"))
        task = asyncio.create_task(server.serve([listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await task


@pytest_asyncio.fixture
async def browser(web: Site, tmp_path) -> AsyncIterator[Browser]:
    (tmp_path / "templates" / "due.html").write_text(GRID, encoding="utf-8")
    async with served(web) as address, async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = await chromium.new_context(viewport={"width": 360, "height": 800}, locale="vi-VN")
        officer = web.client(Role.OPERATOR, Role.CLERK)
        await context.add_cookies([{"name": PLAIN_COOKIE, "value": officer.cookies[PLAIN_COOKIE], "url": address}])
        found = Browser(context, address)
        yield found
        await chromium.close()
    assert found.complaints == []


async def width_of(page: Page) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth"))


async def test_no_page_is_wider_than_a_small_phone(web, browser):
    letter = await bury(web, reason="Unreadable: " + "x" * 300)
    await note(web, "u1")
    for path in ("operations", "dead-letters", f"dead-letters/{letter}", "audit", "nowhere", "due?fault=1"):
        page = await browser.open(f"/reporting/{path}")
        await page.wait_for_load_state("networkidle" if path != "operations" else "load")
        assert await width_of(page) == 360, path


async def test_three_tabs_stand_in_one_row_of_a_phone_and_a_long_label_keeps_clear_of_its_box(browser):
    page = await browser.open("/reporting/due")
    await page.set_viewport_size({"width": 390, "height": 800})
    tops = await page.evaluate("[...document.querySelectorAll('.tabs a')].map(a => Math.round(a.getBoundingClientRect().top))")
    assert len(set(tops)) == 1
    box = await page.evaluate("document.querySelector('.checks input').getBoundingClientRect().right")
    lines = await page.evaluate("[...document.querySelector('.checks span').getClientRects()].map(line => line.left)")
    assert len(lines) > 1
    assert all(left >= box for left in lines)


async def test_the_first_tab_leads_past_the_navigation(browser):
    page = await browser.open("/reporting/due")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.getAttribute('href')") == "#content"


async def test_the_error_summary_has_the_focus_and_leads_to_the_field(browser):
    page = await browser.open("/reporting/due?fault=1")
    assert await page.evaluate("document.activeElement.className") == "faults"
    await page.click(".faults a")
    assert "#note" in page.url
    assert await page.get_attribute("#note", "aria-invalid") == "true"
    assert "note-fault" in (await page.get_attribute("#note", "aria-describedby") or "")


async def test_cells_copied_from_a_spreadsheet_fill_the_fields_to_the_right_and_below(browser):
    page = await browser.open("/reporting/due")
    await page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.setData("text/plain", "1,5\\t2,5\\r\\n3,5\\t4,5\\r\\n");
            document.querySelector('[data-row="0"][data-column="1"]').dispatchEvent(
                new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        }"""
    )
    values = [await page.input_value(f'[data-row="{r}"][data-column="{c}"]') for r in (0, 1) for c in (0, 1, 2)]
    assert values == ["", "1,5", "2,5", "", "3,5", "4,5"]


async def test_an_impatient_double_click_sends_a_form_once(browser):
    page = await browser.open("/reporting/due")
    await page.dblclick("main form button", no_wait_after=True)
    await page.wait_for_url("**/reporting/notes")
    assert len(browser.posts) == 1


async def test_a_fragment_whose_service_is_silent_says_so(web, browser):
    page = await browser.open("/reporting/operations")
    await page.wait_for_selector("text=Sẵn sàng")
    await expect(page.locator("text=Dịch vụ không trả lời.")).to_have_count(3)  # the other three are not there in this test


async def test_a_figure_that_refreshes_itself_waits_while_somebody_is_in_it(web, browser):
    await bury(web)
    page = await browser.open("/reporting/operations")
    link = page.locator("main .pairs a")
    await link.focus()
    await bury(web)
    await page.wait_for_timeout(2500)
    assert await link.inner_text() == "✕ 1 đang chờ xử lý"
    assert await page.evaluate("document.activeElement.getAttribute('href')") == "/reporting/dead-letters"
    await page.evaluate("document.activeElement.blur()")
    await page.wait_for_selector("text=2 đang chờ xử lý")


async def test_the_documentation_of_the_api_is_drawn_under_the_strict_policy(browser):
    page = await browser.open("/reporting/api/docs")
    await page.wait_for_selector('[data-path="/reporting/api/figures"]')


async def test_a_page_prints_without_its_navigation(browser):
    page = await browser.open("/reporting/due")
    await page.emulate_media(media="print")
    assert not await page.is_visible(".top nav")
    assert await page.is_visible("h1")
