"""A partner's page: what became of its events, what to mend, and everything for the first event."""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
import pytest_asyncio
import yaml

from services.reporting import examples
from services.reporting.ledger import day as day_of
from services.reporting.ledger import listed
from services.reporting.mending import MENDS
from services.reporting.states import State
from shared import audit
from shared.clock import local_date
from shared.events.campaign import UnitKind
from shared.events.contract import inbound_types
from shared.events.registration import Role
from shared.events.reporting import IndicatorCorrected, IndicatorObserved, ObservationAccepted, ReportSubmitted
from tests.reporting import world
from tests.reporting.desk import Desk, desk_of
from tests.reporting.sending import KEY, STRUCTURED, admitted, binary, post, verdict, whole
from tests.reporting.test_door_refusals import SEEN_BAD
from tests.reporting.test_kinds import OBSERVED, message
from tests.reporting.world import COMMUNE, DEPARTMENT, DISTRICT, OPENED, OTHER, hear, observed, officer, said

NOW = OPENED + timedelta(days=2, hours=9)
OPERATOR, OWNER, STRANGER = officer(COMMUNE, Role.OPERATOR), officer(DEPARTMENT, Role.CLERK), officer(COMMUNE, Role.CLERK)


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    async with desk_of(app_of("reporting"), NOW, ("kho-bac",)) as found:
        await hear(found.database, admitted("kho-bac", KEY), world.treasury(revision=2, types=inbound_types()))
        yield found


async def send(desk: Desk, *events: dict, key: str = KEY) -> list[str]:
    answer = await post(desk, json.dumps(events), key=key, content_type="application/cloudevents-batch+json")
    return [(await verdict(desk, one, key))["state"] for one in answer.json()["events"]]


async def test_the_page_shows_todays_events_with_states_and_what_to_mend(desk: Desk) -> None:
    await send(desk, whole("a", observed("30")), whole("b", observed("x")), whole("a", observed("30")), whole("a", observed("31")))
    page = (await desk.see(OPERATOR, "/partners/kho-bac")).text
    for words in ("Đã nhận", "Từ chối", "Trùng mã, khác nội dung", "gửi trùng 1 lần", "INBOUND_kho-bac:1", "Tỷ lệ được nhận", "50"):
        assert words in page
    assert "“x” không phải là số." in page
    english = (await desk.see(OPERATOR, "/partners/kho-bac", "en")).text
    assert "Refused events to mend" in english
    async with desk.database.read() as session:
        day = await day_of(session, "kho-bac", OPENED)
    assert (day.sent, day.taken, day.states["duplicate"], day.states["conflict"], day.states["received"]) == (2, 1, 1, 1, 4)


async def test_a_refused_event_is_mended_on_the_page_and_counts_once(desk: Desk) -> None:
    await send(desk, whole("b", observed("x")))
    page = (await desk.see(OWNER, "/partners/kho-bac")).text
    shown = html.unescape(re.search(r'<textarea id="mend-.*?>(.*?)</textarea>', page, re.DOTALL)[1])
    assert json.loads(shown) == whole("b", observed("x"))
    checked = await desk.send(OWNER, "/partners/kho-bac/events", {"event": shown, "do": "check"})
    assert (checked.status_code, "không phải là số" in checked.text) == (422, True)
    mended = shown.replace('"x"', '"32"')
    good = await desk.send(OWNER, "/partners/kho-bac/events", {"event": mended, "do": "check"})
    assert (good.status_code, "Sự kiện này sẽ được nhận." in good.text) == (200, True)
    assert await said(desk.database, ObservationAccepted) == []
    sent = await desk.send(OWNER, "/partners/kho-bac/events", {"event": mended, "do": "send"})
    assert (sent.status_code, "INBOUND_kho-bac:2" in sent.text) == (200, True)
    async with asyncio.timeout(60):
        while not await said(desk.database, ObservationAccepted):
            await asyncio.sleep(0.02)
    async with desk.database.read() as session:
        day = await day_of(session, "kho-bac", OPENED)
    assert (day.sent, day.taken, day.states["rejected"], day.states["superseded"]) == (1, 1, 0, 1)
    assert "Không có sự kiện nào chờ sửa." in (await desk.see(OWNER, "/partners/kho-bac")).text


STRANGE = {
    "half a surrogate pair": (json.dumps(whole("s", {"campaign": "\ud800"})), '{"campaign": "\\ud800"}'),
    "a name twice": ('{"specversion": "1.0", "id": "s", "id": "t"}', '"id": "s", "id": "t"'),
    "more digits than a machine's number has": (json.dumps(whole("s", {"value": 0})).replace(": 0", ": 1.00000000000000000001"), "1.00000000000000000001"),
    "endless": (json.dumps(whole("s", {"value": 0})).replace(": 0", ": 1e999"), "1e999"),
}


@pytest.mark.parametrize("case", STRANGE)
async def test_what_cannot_be_laid_out_as_it_was_said_is_shown_as_it_came(desk: Desk, case: str) -> None:
    body, shown = STRANGE[case]
    await decided(desk, body.encode(), {"content_type": STRUCTURED})
    for page in await pages_of_the_newest(desk):
        assert shown in html.unescape(page)


@pytest.mark.parametrize("case", SEEN_BAD)
async def test_whatever_was_refused_can_be_looked_at_by_who_must_mend_it(desk: Desk, case: str) -> None:
    await decided(desk, *SEEN_BAD[case])
    for page in await pages_of_the_newest(desk):
        assert "Từ chối" in page


async def decided(desk: Desk, body: bytes, headers: dict[str, str]) -> None:
    answer = await post(desk, body, **headers)
    assert (await verdict(desk, answer.json()["events"][0]))["state"] == "rejected"


async def pages_of_the_newest(desk: Desk) -> list[str]:
    async with desk.database.read() as session:
        [row] = await listed(session)
    answers = [await desk.see(OPERATOR, path) for path in ("/partners/kho-bac", f"/inbound/{row.id}")]
    assert [answer.status_code for answer in answers] == [200, 200]
    return [answer.text for answer in answers]


async def test_an_event_in_binary_mode_that_cannot_be_read_is_mended_with_its_attributes(desk: Desk) -> None:
    await decided(desk, b'{"value": 1, "value": 2}', binary("s%E1%BA%BF"))
    page = (await desk.see(OWNER, "/partners/kho-bac")).text
    shown = html.unescape(re.search(r'<textarea id="mend-.*?>(.*?)</textarea>', page, re.DOTALL)[1])
    assert json.loads(shown.replace('"value": 1, ', "")) == {
        "specversion": "1.0", "id": "sế", "source": "//x.example", "type": "inbound.indicator.observed.v1", "data": {"value": 2},
    }  # fmt: skip


async def waiting_to_be_mended(desk: Desk) -> list[tuple[str, str]]:
    """Row and text of each event in the rejected inbox."""
    page = (await desk.see(OWNER, "/partners/kho-bac")).text
    return [(row, html.unescape(text)) for row, text in re.findall(r'<textarea id="mend-([0-9a-f-]{36})".*?>(.*?)</textarea>', page, re.DOTALL)]


async def test_an_event_without_an_id_is_mended_on_the_page_and_leaves_the_inbox(desk: Desk) -> None:
    await send(desk, {name: value for name, value in whole("", observed("30")).items() if name != "id"}, whole("b", observed("x")))
    found = {row: json.loads(text) for row, text in await waiting_to_be_mended(desk)}
    [row] = [row for row, event in found.items() if "id" not in event]
    checked = await desk.send(OWNER, "/partners/kho-bac/events", {"event": json.dumps(found[row]), "row": row, "do": "check"})
    assert f'name="row" value="{row}"' in checked.text[checked.text.index('id="check"') :]
    sent = await desk.send(OWNER, "/partners/kho-bac/events", {"event": json.dumps(found[row] | {"id": "new"}), "row": row, "do": "send"})
    await verdict(desk, {"href": f"/reporting/api/events/{re.search('INBOUND_kho-bac:[0-9]+', sent.text)[0]}"})
    assert [json.loads(text)["id"] for _, text in await waiting_to_be_mended(desk)] == ["b"]
    async with desk.database.read() as session:
        assert {row.event: row.superseded_by is not None for row in await listed(session)} == {"": True, "b": False, "new": False}


async def test_what_a_mended_event_replaces_is_its_own_senders_and_was_refused(desk: Desk) -> None:
    """A conflict mends nothing; what was taken before under the same id does."""
    await hear(desk.database, world.treasury(client="thue"))
    await send(desk, whole("a", observed("30")), whole("b", observed("x")))
    async with desk.database.read() as session:
        rows = {row.event: row.id for row in await listed(session)}
    for client, row in (("thue", rows["b"]), ("kho-bac", rows["a"]), ("kho-bac", "nothing")):
        await world.arrive(desk.database, message(OBSERVED, observed("31"), f"m-{row}", client, **{MENDS: row}), NOW)
    await world.arrive(desk.database, message(OBSERVED, observed("32"), "a", **{MENDS: rows["b"]}), NOW)
    async with desk.database.read() as session:
        assert {row.event: row.superseded_by for row in await listed(session, "rejected")} == {"b": None}
    await world.arrive(desk.database, message(OBSERVED, observed("31"), "m-nothing", **{MENDS: rows["b"]}), NOW)
    assert await waiting_to_be_mended(desk) == []


async def test_a_refused_event_that_needs_nothing_more_is_settled_by_who_may_send_and_that_is_recorded(desk: Desk) -> None:
    await send(desk, whole("b", observed("x")))
    [(row, _)] = await waiting_to_be_mended(desk)
    auditor = officer(COMMUNE, Role.AUDITOR)
    assert "/settled" not in (await desk.see(auditor, "/partners/kho-bac")).text
    assert (await desk.send(auditor, "/partners/kho-bac/settled", {"row": row})).status_code == 403
    assert (await desk.send(OWNER, "/partners/kho-bac/settled", {"row": row})).status_code == 303
    assert await waiting_to_be_mended(desk) == []
    assert (await desk.send(OWNER, "/partners/kho-bac/settled", {"row": row})).status_code == 404
    async with desk.database.read() as session:
        assert [(one.action, one.subject, json.loads(one.details)) for one in await audit.listed(session) if one.action.startswith("partner.")] == [
            ("partner.event-settled", "kho-bac", {"event": row})
        ]
    assert "Đánh dấu đã xử lý lúc" in (await desk.see(OWNER, f"/inbound/{row}")).text


async def test_the_rejected_inbox_is_paged_through(desk: Desk) -> None:
    await send(desk, *(whole(f"e-{number}", observed("x")) for number in range(45)))
    seen, path = [], "/partners/kho-bac"
    while path:
        page = (await desk.see(OWNER, path)).text
        seen.append(re.findall(r'<textarea id="mend-([0-9a-f-]{36})"', page))
        path = f"/partners/kho-bac{html.unescape(found[1])}" if (found := re.search(r'href="(\?mend=[^"#]*)#mend"', page)) else ""
    assert [len(one) for one in seen] == [20, 20, 5]
    assert len({row for one in seen for row in one}) == 45


async def test_of_what_was_cut_the_page_says_so(desk: Desk) -> None:
    await send(desk, whole("b", observed("x", note="y" * 70_000)))
    [(row, _)] = await waiting_to_be_mended(desk)
    for path in ("/partners/kho-bac", f"/inbound/{row}"):
        assert "Chỉ giữ 65.536 byte đầu" in (await desk.see(OWNER, path)).text


async def test_the_days_figures_and_its_list_both_leave_out_trials(desk: Desk) -> None:
    answer = await post(desk, json.dumps(whole("s", observed("30"))), path="sandbox/events", content_type=STRUCTURED)
    assert (await verdict(desk, answer.json()["events"][0]))["state"] == "accepted"
    page = (await desk.see(OWNER, "/partners/kho-bac")).text
    assert ("<code>s</code>" in page, "không gồm sự kiện chạy thử" in page) == (False, True)
    assert "<code>s</code>" in (await desk.see(OWNER, "/partners/kho-bac/sandbox")).text


async def test_each_event_without_an_id_counts_as_one_in_the_rate(desk: Desk) -> None:
    nameless = [{name: value for name, value in whole("", observed(str(n))).items() if name != "id"} for n in range(3)]
    assert await send(desk, whole("a", observed("30")), *nameless) == ["accepted", "rejected", "rejected", "rejected"]
    async with desk.database.read() as session:
        day = await day_of(session, "kho-bac", OPENED)
    assert (day.sent, day.taken) == (4, 1)


async def test_a_refused_trial_is_not_offered_to_be_sent_as_an_official_event(desk: Desk) -> None:
    answer = await post(desk, json.dumps(whole("s", observed("x"))), path="sandbox/events", content_type=STRUCTURED)
    assert (await verdict(desk, answer.json()["events"][0]))["state"] == "rejected"
    page = (await desk.see(OWNER, "/partners/kho-bac")).text
    assert ("chạy thử" in page, 'id="mend-' in page) == (True, False)
    assert "Không có sự kiện nào chờ sửa." in page


async def test_the_list_of_a_day_is_paged_through_by_state_and_by_day(desk: Desk) -> None:
    await send(desk, *(whole(f"e-{number}", observed("x" if number % 10 == 0 else "30")) for number in range(120)))
    seen, path = [], "/partners/kho-bac"
    for _ in range(3):
        page = (await desk.see(OWNER, path)).text
        seen.append(re.findall(r'<a href="/reporting/inbound/[0-9a-f-]{36}"><code>(e-\d+)</code>', page))
        path = html.unescape(found[1]) if (found := re.search(r'href="(\?[^"]*after=[^"]*)"', page)) else ""
        path = f"/partners/kho-bac{path}"
    assert [len(one) for one in seen] == [50, 50, 20]
    assert sorted(id for one in seen for id in one) == sorted(f"e-{number}" for number in range(120))
    assert path == "/partners/kho-bac"
    refused = (await desk.see(OWNER, "/partners/kho-bac?state=rejected")).text
    assert len(re.findall(r"<code>e-\d+</code></a>", refused)) == 12
    today = local_date(desk.service.now())
    assert "Không có sự kiện nào." in (await desk.see(OWNER, f"/partners/kho-bac?day={today - timedelta(days=1)}")).text
    for state, number in (("accepted", 1), ("superseded", 50), ("duplicate", 0)):  # each figure takes the place of the one before
        filtered = (await desk.see(OWNER, f"/partners/kho-bac?day={today:%d/%m/%Y}&state={state}")).text
        assert len(re.findall(r"<code>e-\d+</code></a>", filtered)) == number
    wrong = await desk.see(OWNER, "/partners/kho-bac?day=31/02/2023")
    assert (wrong.status_code, "Không có ngày này." in wrong.text) == (422, True)
    listed = (await desk.see(OPERATOR, "/partners")).text
    assert all(words in listed for words in ("Tỷ lệ được nhận", "90 %", "cách đây"))


async def test_what_is_no_form_too_large_or_beyond_the_stream_is_told_on_a_page(desk: Desk) -> None:
    path, given = "/reporting/partners/kho-bac/events", {"cookie": desk.cookie(OWNER)["cookie"], "accept": "text/html", "x-csrf": OWNER.csrf}
    for more in ({"content-type": "application/json"}, {"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"}):
        answer = await desk.client.post(path, content=b"{}", headers=given | more)
        assert (answer.status_code, "Trang này chỉ nhận biểu mẫu không nén." in answer.text, "<h1>" in answer.text) == (415, True, True)
    large = await desk.send(OWNER, "/partners/kho-bac/events", {"event": "x" * 2_100_000, "do": "check"})
    assert (large.status_code, "lớn hơn 2 MB" in large.text, "<h1>" in large.text) == (413, True, True)
    config = (await desk.service.jetstream.stream_info("INBOUND_kho-bac")).config
    config.max_msgs = 1
    await desk.service.jetstream.update_stream(config)
    await send(desk, whole("a", observed("30")))
    full = await desk.send(OWNER, "/partners/kho-bac/events", {"event": json.dumps(whole("b", observed("30"))), "do": "send"})
    assert (full.status_code, "không nhận thêm" in full.text, "mend" in full.text) == (429, True, True)


async def test_for_a_system_that_signs_nobody_sends_from_the_page(desk: Desk) -> None:
    await hear(desk.database, admitted("kho-bac", KEY, revision=9, signing_keys=("k",)))
    assert 'value="send"' not in (await desk.see(OWNER, "/partners/kho-bac")).text
    sent = await desk.send(OWNER, "/partners/kho-bac/events", {"event": json.dumps(whole("b", observed("30"))), "do": "send"})
    assert (sent.status_code, "Hệ thống này ký sự kiện của mình." in sent.text) == (422, True)
    assert "webhook-signature" in (await desk.see(OWNER, "/partners/kho-bac/guide")).text


async def test_only_its_own_officers_and_the_operator_look_after_a_system(desk: Desk) -> None:
    assert (await desk.see(STRANGER, "/partners/kho-bac")).status_code == 404
    assert (await desk.see(STRANGER, "/partners/kho-bac/guide")).status_code == 404
    assert (await desk.see(STRANGER, "/partners/kho-bac/asyncapi.yaml")).status_code == 404
    assert "kho-bac" not in (await desk.see(STRANGER, "/partners")).text
    assert "kho-bac" in (await desk.see(OWNER, "/partners")).text
    auditor = officer(COMMUNE, Role.AUDITOR)
    assert (await desk.see(auditor, "/partners/kho-bac")).status_code == 200
    answer = await desk.send(auditor, "/partners/kho-bac/events", {"event": json.dumps(whole()), "do": "send"})
    assert answer.status_code == 403
    assert (await desk.see(OPERATOR, "/partners/nobody")).status_code == 404


async def test_the_guide_has_subjects_schemas_examples_and_commands(desk: Desk) -> None:
    page = html.unescape((await desk.see(OWNER, "/partners/kho-bac/guide")).text)
    for kind in inbound_types():
        assert f"inbound.kho-bac.{kind.removeprefix('inbound.')}" in page
    for words in ("reporting.event.rejected.v1.kho-bac", "registration.campaign.published.v1", "nats --server", "curl http", "nkeyAuthenticator", "nats.connect("):
        assert words in page
    assert "evaluation." not in page
    await hear(desk.database, world.treasury(revision=3))
    less = (await desk.see(OWNER, "/partners/kho-bac/guide")).text
    assert "inbound.kho-bac.report.submitted.v1" not in less


async def test_the_guide_names_the_address_for_partners_and_never_the_services_own_password(desk: Desk) -> None:
    for changes, wanted in (
        ({"nats_url": "nats://thidua:secret@n1:4222,nats://thidua:secret@n2:4222"}, "nats://n1:4222"),
        ({"nats_url": "nats://thidua:secret@n1:4222", "public_nats_url": "tls://nats.tinh.example:4222"}, "tls://nats.tinh.example:4222"),
    ):
        desk.service.settings = desk.service.settings.model_copy(update=changes)
        page = html.unescape((await desk.see(OWNER, "/partners/kho-bac/guide")).text)
        assert (f"nats --server {wanted} " in page, "secret@" in page, page.count("//thidua:")) == (True, False, 0), re.findall(r".*secret.*", page)


BRANCHES = {
    "kho-bac": {"indicators": (world.REVENUE, world.DISBURSED), "kinds": (UnitKind.COMMUNE,)},
    "thong-ke": {"indicators": (world.DISBURSED, world.REVENUE, world.JOBS), "kinds": (UnitKind.DISTRICT, UnitKind.COMMUNE), "units": (DISTRICT,)},
    "viec-lam": {"indicators": (world.JOBS,), "kinds": (UnitKind.COMMUNE,), "units": (OTHER,)},
}


def printed(page: str) -> dict[str, dict]:
    """The examples of a guide by type, in their order."""
    shown = (json.loads(text) for text in re.findall(r"<pre><code>(\{.*?\})</code></pre>", html.unescape(page), re.DOTALL) if '"specversion"' in text)
    return {one["type"]: one for one in shown}


@pytest.mark.parametrize("client", BRANCHES)
async def test_every_example_as_printed_passes_the_check_for_partners_of_different_rights(app_of, client: str) -> None:
    key = f"thidua.{client}.secret"
    async with desk_of(app_of("reporting"), NOW, (client,)) as desk:
        await hear(desk.database, admitted(client, key), world.treasury(client=client, revision=2, types=inbound_types(), **BRANCHES[client]))
        page = (await desk.see(OWNER, f"/partners/{client}/guide")).text
        shown = printed(page)
        assert list(shown) == list(examples.ORDER)
        wanting = {ReportSubmitted.TYPE} if client == "viec-lam" else set()  # its units owe figures that it may not send
        assert page.count("ví dụ chỉ cho biết dạng") == len(wanting)
        await send(desk, shown[IndicatorObserved.TYPE], key=key)
        for kind, one in shown.items():
            answer = await post(desk, json.dumps(one), path="events/check", key=key, content_type=STRUCTURED)
            assert bool(answer.json()["events"][0]["faults"]) == (kind in wanting), (kind, answer.text)
        states = await send(desk, *(one for kind, one in shown.items() if kind not in wanting), key=key)
        assert "rejected" not in states
        assert shown[IndicatorCorrected.TYPE]["data"]["replaces"] == shown[IndicatorObserved.TYPE]["id"]
        again = printed((await desk.see(OWNER, f"/partners/{client}/guide")).text)
        assert again[IndicatorObserved.TYPE] == shown[IndicatorObserved.TYPE]  # printed once more that day it is the same event


async def test_after_the_campaigns_end_the_examples_speak_of_units_as_they_were_on_its_last_day(desk: Desk) -> None:
    for unit in (COMMUNE, OTHER, DISTRICT):
        gone = world.unit_changed(unit).versions[0].model_copy(update={"valid_to": date(2025, 6, 30)})
        await hear(desk.database, world.unit_changed(unit, revision=2, versions=(gone,)))
    desk.at(NOW + timedelta(days=1100))
    shown = printed((await desk.see(OWNER, "/partners/kho-bac/guide")).text)
    assert shown[IndicatorObserved.TYPE]["data"]["as_of"] == "2023-10-30"
    await send(desk, shown[IndicatorObserved.TYPE])
    for kind, one in shown.items():
        answer = await post(desk, json.dumps(one), path="events/check", content_type=STRUCTURED)
        assert bool(answer.json()["events"][0]["faults"]) == (kind == ReportSubmitted.TYPE), answer.text


async def test_only_the_first_example_the_observation_has_its_commands_open(desk: Desk) -> None:
    page = (await desk.see(OWNER, "/partners/kho-bac/guide")).text
    first = page.index("inbound.kho-bac.indicator.observed.v1")
    assert first < page.index("<details open>") < page.index("inbound.kho-bac.indicator.corrected.v1")
    assert page.count("<details open>") == 1


async def test_the_guide_says_what_may_be_said_and_heard_in_the_readers_language(desk: Desk) -> None:
    page = (await desk.see(OWNER, "/partners/kho-bac/guide")).text
    assert 'lang="en"' not in page.partition("<main")[2].partition("</main>")[0]
    assert "From a partner" not in page.replace(html.escape(json.dumps("From a partner")), "").partition("JSON Schema")[0]
    assert "Kỳ báo cáo mở" in page
    assert "A round opened" in (await desk.see(OWNER, "/partners/kho-bac/guide", "en")).text


async def test_the_guide_tells_all_that_the_doors_do(desk: Desk) -> None:
    page = html.unescape((await desk.see(OWNER, "/partners/kho-bac/guide")).text)
    for words in (
        "events/check", "cloudevents-batch+json", "idempotency-key", "ce-specversion", "429", "Retry-After", "events/$RECEIPT", "events?state=",
        "/reporting/api/pace", "partner-kho-bac", "REGISTRATION", "1.000 sự kiện mỗi phút",
    ):  # fmt: skip
        assert words in page, words
    for state in (*State, "received", "superseded", "duplicate"):
        assert f"<code>{state}</code>" in page, state


async def test_the_pace_counts_trials_for_themselves(desk: Desk) -> None:
    answer = await post(desk, json.dumps(whole("t-1", observed("30"))), path="sandbox/events", content_type=STRUCTURED)
    await verdict(desk, answer.json()["events"][0])
    found = (await desk.client.get("/reporting/api/pace", headers={"authorization": f"Bearer {KEY}"})).json()
    assert (found["taken"], found["sandbox"]) == (0, {"taken": 1})


async def test_a_fault_ends_before_its_cure_and_a_day_has_four_digits_for_its_year(desk: Desk) -> None:
    none = await post(desk, json.dumps(whole("a", observed("30", as_of="0001-01-01"))), path="events/check", content_type=STRUCTURED)
    assert "Ngày 01/01/0001 không có đơn vị" in none.text
    shadow = whole("b", observed("30", campaign="thu-nghiem~kho-bac~1"))
    refused = await post(desk, json.dumps(shadow), path="sandbox/events", content_type=STRUCTURED)
    [fault] = (await verdict(desk, refused.json()["events"][0]))["faults"]
    assert "~1. Hãy" in fault["vi"]


async def test_a_partner_that_may_speak_of_nothing_yet_has_a_guide(desk: Desk) -> None:
    await hear(desk.database, world.treasury(revision=3, indicators=(), kinds=(), types=inbound_types()))
    page = (await desk.see(OWNER, "/partners/kho-bac/guide")).text
    assert page.count("ví dụ chỉ cho biết dạng") == len(inbound_types())


async def test_the_asyncapi_document_of_a_partner_has_its_own_addresses_and_nothing_internal(desk: Desk) -> None:
    answer = await desk.see(OWNER, "/partners/kho-bac/asyncapi.yaml")
    document = yaml.safe_load(answer.text)
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert "inbound.kho-bac.indicator.observed.v1" in addresses
    assert "reporting.event.rejected.v1.kho-bac" in addresses
    assert not any("{client}" in address or address.startswith(("evaluation.", "registration.officer")) for address in addresses)
    assert "attachment" in answer.headers["content-disposition"]


async def test_the_openapi_document_describes_the_door(desk: Desk) -> None:
    document = (await desk.client.get("/reporting/api/openapi.json")).json()
    content = document["paths"]["/reporting/api/events"]["post"]["requestBody"]["content"]
    assert {"application/json", STRUCTURED, "application/cloudevents-batch+json"} == set(content)
    assert len(content[STRUCTURED]["examples"]) == len(inbound_types())
