"""A cluster too big for one page: its first places beside the others, pages, a search, and the reader's own neighbourhood."""

from decimal import Decimal

from services.evaluation.league import PAGE, TOP, WHOLE
from shared.events.registration import Role
from tests.evaluation.conftest import officer
from tests.evaluation.making import hear, participates
from tests.evaluation.test_pages import page
from tests.evaluation.test_standings import populate

NUMBER = WHOLE + 30
SECRETARY = officer(Role.SECRETARY)


async def test_a_big_cluster_is_shown_by_pages_and_a_small_one_whole(running):
    await populate(running.service.database, [(Decimal(n % 90), n == 7, "districts", "dvhc") for n in range(NUMBER)])
    seen = (await running.ask("GET", "/api/league", SECRETARY)).json()["clusters"]
    assert [(c["cluster"], len(c["units"]), c["members"]) for c in seen] == [("communes", 4, 4), ("districts", TOP, NUMBER + 1)]
    found, after = [], ""
    while True:
        (table,) = (await running.ask("GET", "/api/league", SECRETARY, params={"cluster": "districts", "after": after})).json()["clusters"]
        found += table["units"]
        if not (after := table["next"]):
            break
    assert len(found) == len({unit["unit"] for unit in found}) == NUMBER + 1
    assert [unit["score"] for unit in found] == sorted((unit["score"] for unit in found), key=Decimal, reverse=True)
    assert [unit["rank"] for unit in found if unit["unit"] in {"u89", "u179", "u88"}] == [1, 1, 3]


async def test_a_page_of_a_big_cluster_leads_on_searches_and_shows_a_head_its_own_place(running):
    await populate(running.service.database, [(Decimal(n), False, "districts", "dvhc") for n in range(NUMBER)])
    whole = await page(running, "/league?cluster=districts")
    assert whole.count("<tr>") == PAGE + 1
    assert "Trang sau" in whole
    assert 'name="search"' in whole
    assert "Unit u150" in await page(running, "/league?cluster=districts&search=unit%20U150")
    assert "Không tìm thấy" in await page(running, "/league?cluster=districts&search=nowhere")
    await hear(running.service.database, participates("u20", "districts"))  # without any figure: it stands behind u0, by its code
    head = officer(Role.CLUSTER_HEAD, unit="u20")
    mine = await page(running, "/league?cluster=districts", head)
    around = mine.split("Quanh đơn vị của đồng chí")[1]
    assert [f"Unit u{n}<" in around for n in (5, 4, 0, 20)] == [False, True, True, True]
    assert 'class="mine"' in around
    worst = await page(running, "/league?cluster=districts&order=worst", head)
    assert "Quanh đơn vị" not in worst, "the own place is on the page already"
    drawn = await page(running, "/council?cluster=districts&search=u150")
    assert "Unit u150" in drawn
    assert "Unit u151" not in drawn


async def test_an_address_that_names_no_page_says_where_to_begin(running):
    refused = await running.ask("GET", "/api/league", SECRETARY, params={"cluster": "communes", "after": "x~y"})
    assert refused.status_code == 422
    assert "trang đầu" in refused.text

