"""A leader's minute in a real browser: one look at a desk, three strokes of a thumb, one sheet of paper, without a script."""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, async_playwright

from shared.clock import publish
from shared.events.campaign import Cluster, UnitKind
from shared.events.registration import Role
from shared.security import PLAIN_COOKIE
from shared.testing.fixtures import launched
from tests.evaluation.conftest import appoint, officer
from tests.evaluation.making import PROVINCE, campaign, commits, hear, participates, published, reports, text, unit
from tests.evaluation.test_rebuild import settled
from tests.web.test_in_browser import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: make browser installs it")]

NAMES = ("các huyện, thành phố", "các xã của bốn huyện biên giới", "các xã vùng thấp và ven đô", "các phường, thị trấn", "các sở, ban, ngành",
         "Đảng, Mặt trận và các đoàn thể", "cơ quan trung ương và lực lượng vũ trang", "doanh nghiệp sản xuất, xây dựng", "doanh nghiệp thương mại")  # fmt: skip
CLUSTERS = tuple(
    Cluster(code=f"c{n}", title=text(f"Cụm {name}"), kind=UnitKind.COMMUNE, score_sheet="sheet") for n, name in enumerate(NAMES)
)
MEMBERS = [(f"{cluster.code}-{n}", cluster.code, str(20 * n)) for cluster in CLUSTERS for n in range(8)]
SECOND_ROUND = datetime.fromisoformat("2023-08-20T02:00:00Z")
PHONE_HEIGHT = 844


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """A launched application on a free port of this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
        task = asyncio.create_task(server.serve([listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await task


class Desk:
    """A chair's browser, as wide and high as asked for, with or without scripts."""

    def __init__(self, chromium: Browser, address: str, token: str) -> None:
        self.chromium, self.address, self.token = chromium, address, token

    async def look(self, width: int, height: int, *, at: str = "overview", scripts: bool = True) -> Page:
        """The leader's page, or another."""
        context = await self.chromium.new_context(viewport={"width": width, "height": height}, locale="vi-VN", java_script_enabled=scripts)
        await context.add_cookies([{"name": PLAIN_COOKIE, "value": self.token, "url": self.address}])
        page = await context.new_page()
        await page.goto(f"{self.address}/evaluation/{at}")
        return page


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    app = app_of("evaluation")
    async with launched(app), served(app) as address, async_playwright() as driver:
        service = app.state.service
        await hear(service.database, published(campaign(clusters=CLUSTERS)), unit(PROVINCE, UnitKind.PROVINCE, None))
        for name, cluster, value in MEMBERS:
            await hear(
                service.database, unit(name, UnitKind.COMMUNE, PROVINCE), participates(name, cluster), commits(name, "disbursed", None, "100"),
                reports(name, "r1", disbursed=value if value != "0" else None),
            )
        await publish(service.jetstream, SECOND_ROUND, simulated=True)
        await settled(service)
        token = (await appoint(service.database, officer(Role.CHAIR)))["authorization"].removeprefix("Bearer ")
        chromium = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield Desk(chromium, address, token)
        await chromium.close()


async def bottom_of(page: Page) -> int:
    return int(await page.evaluate("Math.max(...[...document.querySelectorAll('main section, main figure')].map(e => e.getBoundingClientRect().bottom))"))


async def test_everything_is_in_one_look_of_a_desks_screen(desk):
    page = await desk.look(1280, 900)
    assert await page.locator("ol.brief li").count() == 15, "five lines of each list"
    assert await bottom_of(page) <= 900
    tops = await page.evaluate("[...document.querySelectorAll('.stat')].map(e => Math.round(e.getBoundingClientRect().top))")
    assert len(tops) == 5
    assert len(set(tops)) == 1


async def test_three_strokes_of_a_thumb_go_through_it_and_red_comes_first(desk):
    page = await desk.look(390, PHONE_HEIGHT)
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    assert await page.evaluate("document.documentElement.scrollHeight") <= 3.5 * PHONE_HEIGHT
    order = await page.evaluate("[...document.querySelectorAll('.stat dt, main h2, main figcaption')].map(e => e.getBoundingClientRect().top)")
    assert order[0] == min(order)
    assert "Đỏ" in await page.locator(".stat dt").first.inner_text()
    assert "Đỏ" in await page.locator("main h2").first.inner_text()


async def test_it_is_printed_on_one_sheet_and_needs_no_script(desk):
    page = await desk.look(1280, 900, scripts=False)
    printed = await page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) == 1
    await page.locator("ol.brief a").first.click()
    assert await page.locator("h1").inner_text() == "Unit c0-1", "the line leads to the unit that is farthest from its target"


async def test_a_printed_league_is_a_table_that_says_as_of_when_and_by_which_rules(desk):
    page = await desk.look(624, 971, at="league")
    assert not await page.is_visible(".printed"), "on the screen it stands elsewhere"
    await page.emulate_media(media="print")
    assert "Tính đến 09:00 ngày 20/08/2023" in await page.locator(".printed").inner_text()
    assert await page.locator("thead").first.evaluate("e => getComputedStyle(e).display") == "table-header-group", "the head stands on each sheet"
    heights = await page.evaluate("[...document.querySelectorAll('table.ranks tbody tr')].map(e => e.getBoundingClientRect().height)")
    assert max(heights) < 30, "a line for each unit"
    assert await page.evaluate("document.documentElement.scrollWidth") == 624
    assert not await page.is_visible(".ways")
