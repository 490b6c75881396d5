"""Pages and JSON: who sees what, what is drawn, how decisions are taken and refused."""

import re
from decimal import Decimal

import pytest

from services.evaluation.league import View
from shared.clock import publish
from shared.events.campaign import Phase
from shared.events.notification import LetterDelivered
from shared.events.registration import Role
from shared.events.reporting import DiscrepancyOpened, ObservationAccepted, ValueKind
from tests.evaluation.conftest import ROUNDS_CLOSED, officer
from tests.evaluation.making import CODE, COMMUNES, CUTOFFS, DISTRICT, NOW, PROVINCE, advanced, commits, hear, reports
from tests.evaluation.test_rebuild import settled
from tests.fabric.conftest import until

ONE, TWO, THREE, FOUR = COMMUNES
SECRETARY, CHAIR, MEMBER, AUDITOR, OPERATOR = (
    officer(role) for role in (Role.SECRETARY, Role.CHAIR, Role.MEMBER, Role.AUDITOR, Role.OPERATOR)
)
HEAD, CLERK = officer(Role.HEAD, unit=DISTRICT), officer(Role.CLERK, unit=ONE)


async def page(running, path, one=SECRETARY, status=200):
    answer = await running.ask("GET", path, one)
    assert answer.status_code == status, answer.text[:2000]
    assert "style=" not in answer.text
    return answer.text


async def test_every_page_of_the_council_is_drawn_in_both_languages(running):
    service = running.service
    await publish(service.jetstream, NOW, simulated=True)
    await settled(service)
    await running.ask("POST", "/api/holds", SECRETARY, json={"unit": THREE, "reason": "vì", "expires_on": "2023-08-20"})
    await running.ask("PUT", "/api/rubrics", MEMBER, json={"unit": ONE, "criterion": "lead", "level": "good"})
    await hear(service.database, *(commits(ONE, c, "50", "10") for c in ("poverty", "schools", "forest", "revenue")), reports(ONE, "r2", poverty="20", forest="60"))
    paths = ["/overview", "/league", "/league?order=worst", "/warnings", "/council", "/council?cluster=districts", "/rankings"]
    for path in [*paths, *(f"/units/{unit}" for unit in (ONE, THREE, DISTRICT, PROVINCE))]:
        for language in ("vi", "en"):
            drawn = await page(running, f"{path}{'&' if '?' in path else '?'}lang={language}")
            assert "<h1>" in drawn
            assert "sample" in drawn, "every page shows that its data are samples"


async def test_the_league_has_one_table_per_cluster_best_first_or_worst_first(running):
    best, worst = await page(running, "/league"), await page(running, "/league?order=worst")
    assert best.count("<table") == 2
    assert best.index(f"Unit {ONE}") < best.index(f"Unit {FOUR}")
    assert worst.index(f"Unit {ONE}") > worst.index(f"Unit {FOUR}")
    assert best.count("Bằng điểm") == 4, "two tied units, each marked for eye and ear"
    assert "không xếp hạng" in best, "the cluster of one district is scored and not ranked"


async def test_a_head_sees_the_own_unit_and_those_below_and_a_clerk_the_own_unit_only(running):
    seen = (await running.ask("GET", "/api/league", HEAD)).json()
    assert {unit["unit"] for cluster in seen["clusters"] for unit in cluster["units"]} == {DISTRICT, *COMMUNES}
    seen = (await running.ask("GET", "/api/league", CLERK)).json()
    assert [unit["unit"] for cluster in seen["clusters"] for unit in cluster["units"]] == [ONE]
    assert seen["clusters"][0]["members"] == 4
    assert "Unit commune-1" in await page(running, f"/units/{DISTRICT}", HEAD)
    for path in (f"/units/{TWO}", f"/units/{DISTRICT}", "/units/unknown"):
        await page(running, path, CLERK, 404)
        assert (await running.ask("GET", path.replace("/units", "/api/scores"), CLERK)).status_code == 404


async def test_a_cluster_head_sees_the_whole_cluster(running):
    seen = (await running.ask("GET", "/api/league", officer(Role.CLUSTER_HEAD, unit=ONE))).json()
    assert [len(cluster["units"]) for cluster in seen["clusters"]] == [4]


@pytest.mark.parametrize("path", ["/council", "/rankings", "/api/rankings/current", "/api/holds", "/api/books"])
async def test_what_is_the_councils_is_closed_to_others(running, path):
    assert (await running.ask("GET", path, HEAD)).status_code == 403
    assert (await running.client.get(f"/evaluation{path}", headers={"accept": "application/json"})).status_code == 401


async def test_the_parts_shown_sum_to_the_score_shown(running):
    await running.ask("PUT", "/api/rubrics", MEMBER, json={"unit": ONE, "criterion": "lead", "level": "good"})
    score = (await running.ask("GET", f"/api/scores/{ONE}", CLERK)).json()
    assert sum(Decimal(line["contribution"]) for line in score["lines"]) + Decimal(score["capped"]) - Decimal(score["score"]) < Decimal("1e-30")
    drawn = await page(running, f"/units/{ONE}", CLERK)
    assert "chưa có số liệu" not in drawn.split('id="targets"')[1].split('id="history"')[0]
    assert f"{Decimal(score['score']):.2f}".replace(".", ",") in drawn
    assert "Hội đồng chấm mức good" in drawn


async def test_the_unit_page_shows_the_warning_when_it_was_told_the_dispute_and_what_others_observed(running):
    async with running.service.database.read() as session:
        from services.evaluation import alarms

        (warning,) = await alarms.open_warnings(session, CODE, None)
    await hear(
        running.service.database,
        LetterDelivered(campaign=CODE, letter="l", unit=FOUR, rule="warning", cause=warning.warning, channel="inbox", revision=1, at=NOW),
        DiscrepancyOpened(
            campaign=CODE, discrepancy="d", unit=FOUR, indicator="disbursed", round="r1", revision=1, client="kho-bac",
            reported=Decimal(10), observed=Decimal(12), at=NOW,
        ),
        ObservationAccepted(
            campaign=CODE, observation="o", client="kho-bac", unit=FOUR, indicator="disbursed", value=Decimal(12), unit_of_measure="%",
            kind=ValueKind.OFFICIAL, as_of=CUTOFFS["r1"], revision=1,
        ),
    )
    drawn = await page(running, f"/units/{FOUR}")
    for words in ("Cảnh báo sớm", "Đã báo cho đơn vị lúc 09:00 ngày 01/08/2023", "Đang đối chiếu", "Nguồn kho-bac: 12"):
        assert words in drawn
    assert "09:00 ngày 01/08/2023" in await page(running, "/warnings")
    assert "Unit commune-4" not in await page(running, "/warnings", CLERK)


async def test_every_figure_on_the_unit_page_leads_to_where_it_comes_from(running):
    drawn = await page(running, f"/units/{ONE}", CLERK)
    found = re.findall(rf'href="/reporting/sources/{ONE}/([\w-]+)\?campaign={CODE}">([^<]+)</a>', drawn)
    reported = {indicator for indicator, _ in found}
    assert reported
    for indicator in reported:
        words = [text for code, text in found if code == indicator]
        assert words.count("Nguồn số liệu") == 1, "the sentence that says why a line has its points"
        assert len([text for text in words if text[0].isdigit()]) >= 2, "the result and each figure that was reported"
    listed = drawn.split("Các số liệu đã báo cáo", 1)[1].split("</ul>", 1)[0]
    assert listed.count("<li>") == listed.count("/reporting/sources/") > 0


async def test_the_unit_page_asks_the_other_services_for_their_parts(running):
    drawn = await page(running, f"/units/{ONE}")
    for name in ("registration", "reporting", "notification"):
        assert f'hx-get="/{name}/fragments/units/{ONE}' in drawn


async def post(running, path, one, **form):
    """A form as a browser sends it: by cookie, with the session's word."""
    from tests.evaluation.conftest import appoint

    token = (await appoint(running.service.database, one))["authorization"].removeprefix("Bearer ")
    cookies = {"cookie": f"thidua={token}", "content-type": "application/x-www-form-urlencoded"}
    body = "&".join(f"{k}={v}" for k, v in ({"csrf": one.csrf} | form).items())
    return await running.client.post(f"/evaluation{path}", content=body.encode(), headers=cookies)


async def test_the_councils_forms_do_the_same_as_the_api_and_keep_what_was_typed_when_refused(running):
    await publish(running.service.jetstream, NOW, simulated=True)
    await settled(running.service)
    done = await post(running, "/council/rubrics", MEMBER, unit=ONE, criterion="lead", level="good", cluster="communes")
    assert (done.status_code, done.headers["location"]) == (303, "/evaluation/council?cluster=communes&done=level")
    done = await post(running, "/council/adjustments", MEMBER, unit=ONE, criterion="models", points="2,5", reason="theo bien ban", cluster="communes")
    assert done.status_code == 303
    wrong = await post(running, "/council/adjustments", MEMBER, unit=ONE, criterion="models", points="1.234", reason="theo bien ban", cluster="communes")
    assert wrong.status_code == 422
    assert "theo bien ban" in wrong.text
    assert 'href="#points"' in wrong.text
    held = await post(running, "/council/holds", CHAIR, unit=TWO, reason="thanh tra", expires_on="30/10/2023", cluster="")
    assert held.status_code == 303
    desk = await page(running, "/council")
    assert "thanh tra" in desk
    hold = re.search(r"/council/holds/([\w-]+)/lift", desk)[1]
    assert (await post(running, f"/council/holds/{hold}/lift", CHAIR, conclusion="xong")).status_code == 303
    assert "Không có đơn vị nào đang tạm dừng xét" in await page(running, "/council")
    assert (await post(running, "/council/holds", CHAIR, unit=TWO, reason="x", expires_on="31/02/2023")).status_code == 422


async def test_a_form_from_elsewhere_is_refused(running):
    assert (await post(running, "/council/rubrics", MEMBER, csrf="foreign", unit=ONE, criterion="lead", level="good")).status_code == 403


async def test_the_freeze_by_form_asks_for_a_tick_and_its_result_is_shown_with_its_hash(running):
    await hear(running.service.database, *ROUNDS_CLOSED, advanced(Phase.CLOSED))
    assert (await post(running, "/council/freeze", CHAIR)).status_code == 422
    answer = await post(running, "/council/freeze", CHAIR, confirmed="yes")
    assert (answer.status_code, answer.headers["location"]) == (303, "/evaluation/rankings")
    current = (await running.ask("GET", "/api/rankings/current", AUDITOR)).json()
    assert current["frozen"] is True
    assert current["ranking_hash"] in await page(running, "/rankings", AUDITOR)
    assert (await post(running, "/council/freeze", CHAIR, confirmed="yes")).status_code == 409


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "/api/holds", {"unit": "unknown", "reason": "x"}, 404, "unit"),
        ("POST", "/api/holds", {"unit": {"scheme": "dvhc", "value": "9"}, "reason": "x"}, 404, "unit"),
        ("POST", "/api/holds", {"unit": ONE, "reason": "x", "campaign": "none"}, 404, "campaign"),
        ("POST", "/api/holds", {"unit": ONE}, 422, "reason"),
        ("POST", "/api/holds", {"unit": ONE, "reason": "x", "score": 100}, 422, "score"),
        ("POST", "/api/holds/none/lift", {"conclusion": "x"}, 404, "hold"),
        ("PUT", "/api/rubrics", {"unit": ONE, "criterion": "lead", "level": "top"}, 422, "level"),
        ("PUT", "/api/adjustments", {"unit": ONE, "criterion": "models", "points": "1e400", "reason": "x"}, 422, "points"),
        ("POST", "/api/rankings", {}, 409, "campaign"),
    ],
)
async def test_a_bad_request_names_the_field_in_both_languages_and_changes_nothing(running, method, path, body, status, field):
    before = (await running.ask("GET", "/api/rankings/current", SECRETARY)).json()
    words = set()
    for language in ("vi", "en"):
        answer = await running.ask(method, path, SECRETARY, json=body, headers={"accept-language": language})
        assert answer.status_code == status, answer.text
        assert field in {fault["field"] for fault in answer.json()["faults"]}
        words.add(answer.json()["faults"][0]["message"])
    assert len(words) == 2, "the reason is in the reader's language"
    assert (await running.ask("GET", "/api/rankings/current", SECRETARY)).json() == before


async def test_the_holds_in_force_are_listed_with_what_names_them(running):
    await publish(running.service.jetstream, NOW, simulated=True)
    await settled(running.service)
    placed = (await running.ask("POST", "/api/holds", CHAIR, json={"unit": TWO, "reason": "vì"})).json()
    (found,) = (await running.ask("GET", "/api/holds", AUDITOR)).json()
    assert (found["id"], found["scheme"], found["value"], found["reason"]) == (placed["id"], "dvhc", f"code-{TWO}", "vì")
    await running.ask("POST", f"/api/holds/{placed['id']}/lift", CHAIR, json={"conclusion": "xong"})
    assert (await running.ask("GET", "/api/holds", AUDITOR)).json() == []


async def test_the_books_count_warnings_scores_and_units(running):
    books = (await running.ask("GET", "/api/books", OPERATOR)).json()
    assert (books["warnings"], books["units"]) == (1, 5)
    assert books["scores"] >= 5


async def test_an_open_league_page_is_redrawn_when_a_score_changes(running):
    """The stream's generator itself: the test client would wait for the end of an answer that has none."""
    from starlette.requests import Request

    from services.evaluation.live import feed_of
    from services.evaluation.pages.league import Drawing
    from tests.evaluation.conftest import appoint

    token = (await appoint(running.service.database, SECRETARY))["authorization"]
    app = running.client._transport.app

    async def still_there():
        return {"type": "http.request"}

    scope = {
        "type": "http", "method": "GET", "path": "/evaluation/league/events", "query_string": b"", "app": app, "state": {},
        "headers": [(b"authorization", token.encode())],
    }
    request = Request(scope, still_there)
    request.is_disconnected = _connected
    feed = feed_of(running.service)
    stream = Drawing(request, SECRETARY, running.service, (View(), None)).stream(feed)
    assert await anext(stream) == "retry: 2000\n\n"
    await until(lambda: _listens(running))
    from tests.evaluation.test_rebuild import tell

    following = anext(stream)
    await tell(running.service, reports(FOUR, "r2", disbursed="100"))
    assert await following == ": \n\n"
    event = await anext(stream)
    assert event.startswith("event: communes\ndata: ")
    assert event.endswith("\n\n")
    assert f"Unit {FOUR}" in event
    assert all(line.startswith(("event: ", "data: ")) for line in event.strip().split("\n"))
    feed.close()
    await stream.aclose()
    assert feed.listeners == set()


async def _connected():
    return False


async def _listens(running):
    return len(await running.service.jetstream.consumers_info("EVALUATION")) == 1


async def test_no_unit_is_held_or_given_points_because_nobody_chose_another(running):
    desk = await page(running, "/council?cluster=communes")
    chosen = re.findall(r'<select id="(?:unit|held)" name="unit" required><option value="">', desk)
    assert len(chosen) == 2
    assert not re.search(r'<option value="commune-\d" selected', desk)


async def test_warnings_are_found_by_indicator_and_by_a_name_typed_without_marks(running):
    await hear(running.service.database, *(commits(THREE, code, "10", "50") for code in ("poverty", "schools")), reports(THREE, "r2", disbursed="40", schools="11"))
    assert f"Unit {THREE}" in await page(running, "/warnings")
    assert f"Unit {THREE}" in await page(running, f"/warnings?search=unit {THREE.upper()}")
    for nothing in ("/warnings?indicator=nothing", "/warnings?search=không có"):
        drawn = await page(running, nothing)
        assert f"Unit {THREE}" not in drawn
        assert "Không có cảnh báo nào phù hợp" in drawn
    drawn = await page(running, "/warnings?indicator=disbursed")
    assert '<td data-label="Chỉ tiêu">disbursed' in drawn
    assert '<td data-label="Chỉ tiêu">schools' not in drawn
