"""The edge of every service: headers, sizes, errors in the reader's language, the language itself."""

import asyncio
import json
import re

import httpx
import pytest
from starlette.responses import Response

from shared.events.registration import Role
from shared.telemetry import Telemetry
from shared.web.api_docs import as_older
from shared.web.edge import BODY_LIMIT, Edge

HTML = {"accept": "text/html"}


async def test_every_answer_carries_a_strict_content_security_policy(web):
    paths = ["/reporting/due", "/reporting/live", "/reporting/moved", "/reporting/broken", "/reporting/nowhere", "/reporting/static/app.css"]
    client = web.client(Role.CLERK)
    for path in paths:
        answer = await client.get(path, headers=HTML)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_pages_are_not_kept_by_browsers_but_scripts_are(web):
    client = web.client(Role.CLERK)
    assert (await client.get("/reporting/due")).headers["cache-control"] == "no-store"
    assert "max-age" in (await client.get("/reporting/static/app.js")).headers["cache-control"]


async def test_a_page_has_neither_inline_script_nor_inline_style_nor_a_foreign_address(web):
    page = (await web.client(Role.CLERK).get("/reporting/due")).text
    assert "<script>" not in page
    assert " style=" not in page
    assert " onclick" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


async def test_every_file_a_page_asks_for_is_served_by_us(web):
    client = web.client(Role.CLERK)
    page = (await client.get("/reporting/due")).text
    for part in page.split('"'):
        if part.startswith(("/reporting/static/", "/reporting/vendor/")):
            assert (await client.get(part)).status_code == 200, part


async def test_what_an_officer_is_called_is_escaped(web):
    assert "&lt;b&gt;Lò Thị Ánh&lt;/b&gt;" in (await web.client(Role.CLERK).get("/reporting/due")).text


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_of_ten_megabytes_is_refused_in_words(web, declared):
    async def pieces():
        for _ in range(10):
            yield b"x" * 1_000_000

    content = b"x" * 10_000_000 if declared else pieces()
    answer = await web.client().post("/reporting/api/figures", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert "2 MB" in answer.json()["faults"][0]["message"]


async def test_a_form_that_is_too_large_is_refused_as_a_page(web):
    client = web.client(Role.CLERK)
    body = b"note=" + b"x" * BODY_LIMIT
    answer = await client.post("/reporting/notes", content=body, headers={"content-type": "application/x-www-form-urlencoded"} | HTML)
    assert answer.status_code == 413
    assert "Nội dung quá lớn" in answer.text


async def test_a_body_that_lies_about_its_size_is_still_counted(web):
    async def pieces():
        for _ in range(3):
            yield b"x" * 1_000_000

    headers = {"content-type": "application/json", "content-length": "10"}
    answer = await web.client().post("/reporting/api/figures", content=pieces(), headers=headers)
    assert answer.status_code == 413


async def test_a_fault_of_ours_is_told_in_one_sentence_without_its_inside(web):
    for headers, sign in ((HTML, "<h1>Hệ thống gặp lỗi</h1>"), ({"accept": "application/json"}, '"status":500')):
        answer = await web.client().get("/reporting/broken", headers=headers)
        assert answer.status_code == 500
        assert sign in answer.text
        assert "secret" not in answer.text
        assert "Dữ liệu chưa thay đổi" in answer.text


async def test_a_refusal_is_told_in_the_readers_language(web):
    client = web.client()
    vietnamese = await client.get("/reporting/moved", headers=HTML)
    assert vietnamese.status_code == 409
    assert "Số liệu đã thay đổi. " in vietnamese.text.replace("</a>", "")
    english = await client.get("/reporting/nowhere", headers={"accept": "application/json"}, params={"lang": "en"})
    assert english.json()["faults"][0]["message"] == "There is no such page."


async def test_a_program_gets_the_language_it_asks_for(web):
    answer = await web.client().post("/reporting/api/figures", json={}, headers={"accept-language": "en-GB,en;q=0.9"})
    assert answer.json() == {"status": 422, "faults": [{"field": "values", "message": "This field is missing."}]}


async def test_a_refused_fragment_is_a_fragment_and_keeps_the_page(web):
    answer = await web.client().get("/reporting/moved", headers={"hx-request": "true"})
    assert answer.status_code == 409
    assert "<html" not in answer.text
    assert 'role="alert"' in answer.text


async def test_who_is_not_signed_in_is_led_to_the_sign_in_and_back(web):
    answer = await web.client().get("/reporting/due", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/registration/sign-in?next=/reporting/due"


async def test_the_way_back_after_the_sign_in_keeps_the_question(web):
    answer = await web.client().get("/reporting/due?campaign=a&round=b", headers=HTML)
    assert answer.headers["location"] == "/registration/sign-in?next=/reporting/due%3Fcampaign%3Da%26round%3Db"


async def test_whose_session_ended_before_a_form_was_sent_is_led_back_to_the_form_and_told_so(web):
    page = HTML | {"referer": "https://elsewhere.example/reporting/due?round=b"}
    answer = await web.client().post("/reporting/notes", data={"note": "x"}, headers=page)
    assert answer.headers["location"] == "/registration/sign-in?next=/reporting/due%3Fround%3Db&unsent=1"
    assert "thidua-sent" not in answer.headers.get("set-cookie", "")


async def test_a_form_that_was_taken_in_is_named_to_its_page_so_that_it_forgets_what_was_typed(web):
    client = web.client(Role.CLERK)
    answer = await client.post("/reporting/kept?round=b", data={"csrf": client.officer.csrf})
    assert answer.headers["set-cookie"].startswith("thidua-sent=%2Freporting%2Fkept%3Fround%3Db; Path=/;")


async def test_a_fragment_of_an_ended_session_offers_the_sign_in_without_leaving_the_page(web):
    answer = await web.client().get("/reporting/due", headers={"hx-request": "true"})
    assert answer.status_code == 401
    assert "/registration/sign-in" in answer.text
    assert "hx-redirect" not in answer.headers


async def test_a_change_by_cookie_needs_the_sessions_word_against_forgery(web):
    client = web.client(Role.CLERK)
    assert (await client.post("/reporting/notes", data={"note": "x"})).status_code == 403
    assert (await client.post("/reporting/notes", data={"note": "x", "csrf": client.officer.csrf})).json() == {"note": "x"}
    assert (await client.post("/reporting/notes", data={"note": "x"}, headers={"x-csrf": client.officer.csrf})).status_code == 200
    assert (await client.post("/reporting/notes", data={"note": "x", "csrf": "né"})).status_code == 403


async def test_the_language_is_switched_and_the_reader_goes_back(web):
    client = web.client(Role.CLERK)
    assert 'lang="vi"' in (await client.get("/reporting/due")).text
    answer = await client.get("/reporting/language", params={"to": "en", "back": "/reporting/due?round=1&lang=vi"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/reporting/due?round=1")
    english = (await client.get("/reporting/due")).text
    assert '<html lang="en">' in english
    assert "<h1>To do</h1>" in english


@pytest.mark.parametrize("back", ["https://evil.example/x", "//evil.example", "/\\evil.example", "javascript:alert(1)", "evil", "///evil", "http://["])
async def test_the_language_switch_never_leads_to_another_site(web, back):
    answer = await web.client().get("/reporting/language", params={"to": "en", "back": back})
    assert answer.headers["location"] in {"/", "/evil"}


async def test_the_way_back_keeps_vietnamese_letters_and_no_header_can_be_added(web):
    answer = await web.client().get("/reporting/language", params={"back": "/reporting/due?q=Lai Châu\r\nset-cookie: x=1"})
    assert "\r" not in answer.headers["location"]
    assert [name for name, _ in answer.headers.multi_items() if name == "set-cookie"] == ["set-cookie"]


async def test_requests_are_measured_by_route_never_by_path(web):
    client = web.client()
    await client.get("/reporting/moved")
    await client.get("/reporting/nowhere/123")
    metrics = (await client.get("/reporting/metrics")).text
    assert 'route="/reporting/moved"' in metrics
    assert "123" not in [line for line in metrics.splitlines() if "nowhere" in line]
    assert "/nowhere/123" not in metrics


async def test_what_machines_ask_is_neither_counted_nor_traced(web):
    """Else a probe each second makes an outage that one clerk sees small, and its spans are most of what a trace store keeps."""
    client = web.client()
    for path in ("live", "started", "ready", "metrics", "live/", "moved"):
        await client.get(f"/reporting/{path}")
    metrics = (await client.get("/reporting/metrics")).text.splitlines()
    counted = [line for line in metrics if line.startswith(("thidua_http_request_seconds_count", "traces_span_metrics_duration_seconds_count"))]
    routes = {re.search(r'(?:route="|span_name="GET )([^"]+)"', line)[1] for line in counted}
    assert {"/reporting/moved"} <= routes
    assert routes & {"/reporting/live", "/reporting/started", "/reporting/ready", "/reporting/metrics"} == set()


async def test_failures_are_counted_and_watching_a_live_page_is_no_latency(web):
    client = web.client()
    await client.get("/reporting/broken")
    assert (await client.get("/reporting/watched")).text.startswith("event: score")
    metrics = (await client.get("/reporting/metrics")).text
    assert 'thidua_http_request_seconds_count{method="GET",route="/reporting/broken",status="500"} 1.0' in metrics
    assert "watched" not in metrics


async def test_the_description_of_the_api_is_shown_by_our_own_scripts(web):
    client = web.client()
    page = (await client.get("/reporting/api/docs")).text
    assert "<script>" not in page
    for part in page.split('"'):
        if part.startswith("/reporting/"):
            assert (await client.get(part)).status_code == 200, part
    assert (await client.get("/reporting/api/openapi-3.0.json")).json()["openapi"] == "3.0.3", "what the bundle can read"
    assert "/reporting/api/figures" in json.dumps((await client.get("/reporting/api/openapi.json")).json())


def test_the_description_for_the_bundle_says_the_same_in_older_words():
    assert as_older({"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Note"}) == {"nullable": True, "type": "string", "title": "Note"}
    assert as_older({"anyOf": [{"$ref": "#/x"}, {"type": "null"}]}) == {"nullable": True, "anyOf": [{"$ref": "#/x"}]}
    assert as_older([{"const": "a"}, {"exclusiveMinimum": 0}]) == [{"enum": ["a"]}, {"minimum": 0, "exclusiveMinimum": True}]
    assert as_older({"properties": {"const": {"type": "string"}}}) == {"properties": {"const": {"type": "string"}}}


async def test_whoever_is_signed_in_keeps_the_ways_on_a_page_that_is_not_there(web):
    assert "/reporting/due" in (await web.client(Role.CLERK).get("/reporting/nowhere", headers=HTML)).text
    assert "/reporting/due" not in (await web.client().get("/reporting/nowhere", headers=HTML)).text


async def test_changes_past_the_edge_s_capacity_are_told_when_to_come_again_and_pages_are_still_read(monkeypatch):
    monkeypatch.setattr("shared.web.edge.IN_HAND", 2)
    hold, came = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(scope, receive, send):
        if scope["method"] == "POST":
            came.release()
            await hold.wait()
        await Response("done")(scope, receive, send)

    client = httpx.AsyncClient(transport=httpx.ASGITransport(Edge(slow, Telemetry("reporting"))), base_url="http://127.0.0.1")
    held = [asyncio.create_task(client.post("/reporting/api/reports")) for _ in range(2)]
    for _ in held:
        await came.acquire()
    refused = await client.post("/reporting/api/reports")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert "quá nhiều yêu cầu" in refused.text
    assert (await client.get("/reporting/api/reports")).text == "done"
    hold.set()
    assert [answer.status_code for answer in await asyncio.gather(*held)] == [200, 200]
    assert (await client.post("/reporting/api/reports")).status_code == 200
