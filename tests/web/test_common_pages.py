"""Pages that every service has: operations, dead letters, the audit trail, an event, ways by role."""

from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from shared import audit, deadletters
from shared.events.registration import Role, SessionEnded
from shared.events.reporting import RoundOpened
from shared.outbox import outbox, record
from shared.security import ended_sessions
from shared.web.navigation import WAYS, entries
from tests.fabric.conftest import until
from tests.web.conftest import NOW

HTML = {"accept": "text/html"}
EVENT = SessionEnded(session="s-1", officer="o-1")


OWN = RoundOpened(campaign="c-1", round="ky-1", revision=1, cutoff=NOW.date(), deadline=NOW)


async def say(web) -> str:
    async with web.service.database.write() as session:
        return await record(session, OWN, NOW)


async def bury(web, body: bytes = b"", reason: str = "ValueError: no such <unit>") -> str:
    headers = {"ce-id": "e-1", "ce-source": "/thidua/registration", "ce-type": EVENT.TYPE, "ce-time": NOW.isoformat()}
    message = SimpleNamespace(subject=EVENT.TYPE, data=body or EVENT.model_dump_json().encode(), headers=headers, reply="")
    async with web.service.database.write() as session:
        return await deadletters.keep(session, message, reason, 8)


async def note(web, *units: str, action: str = "report.submitted") -> None:
    for unit in units:
        actor = SimpleNamespace(id=f"{unit}-officer", name=f"Cán bộ {unit}", unit=unit)
        async with web.service.database.write() as session:
            await audit.record(session, actor, action, f"report-of-{unit}", NOW, round="ky-1", reason="chậm do mưa")


async def test_operations_tell_outbox_lag_dead_letters_clock_and_readiness(web):
    await bury(web)
    client = web.client(Role.OPERATOR)
    page = (await client.get("/reporting/operations")).text
    assert all(f"/{name}/operations/fragment" in page for name in ("registration", "reporting", "evaluation", "notification"))
    fragment = (await client.get("/reporting/operations/fragment")).text
    assert "Sẵn sàng" in fragment
    assert "1 đang chờ xử lý" in fragment
    assert "REGISTRATION" in fragment
    assert "16:00 ngày 30/10/2023" in fragment


async def test_the_operator_sees_that_somebody_asks_without_a_session(web):
    answer = await web.client().post("/reporting/notes", data={"note": "x"}, headers={"accept": "application/json"})
    assert answer.status_code == 401
    fragment = (await web.client(Role.OPERATOR).get("/reporting/operations/fragment")).text
    assert "Yêu cầu không có phiên hợp lệ" in fragment
    assert "POST /reporting/notes" in fragment


async def test_operations_still_show_when_the_broker_is_gone(web, broker):
    await broker.stop()
    fragment = await web.client(Role.OPERATOR).get("/reporting/operations/fragment", timeout=30)
    assert fragment.status_code == 200
    assert "Chưa sẵn sàng" in fragment.text
    assert "Máy chủ sự kiện không trả lời" in fragment.text


@pytest.mark.parametrize("path", ["operations", "operations/fragment", "dead-letters", "dead-letters/x", "audit/chain", "events/x"])
async def test_what_belongs_to_the_operator_is_nobody_elses(web, path):
    assert (await web.client(Role.CLERK).get(f"/reporting/{path}", headers=HTML)).status_code == 403
    assert (await web.client().get(f"/reporting/{path}", headers=HTML)).status_code == 303


async def test_a_dead_letter_is_read_whole_and_applied_again(web):
    letter = await bury(web)
    client = web.client(Role.OPERATOR)
    assert "no such &lt;unit&gt;" in (await client.get("/reporting/dead-letters")).text
    page = (await client.get(f"/reporting/dead-letters/{letter}")).text
    assert "&#34;session&#34;: &#34;s-1&#34;" in page
    assert "ce-source" in page
    answer = await client.post(f"/reporting/dead-letters/{letter}/replay", data={"csrf": client.officer.csrf})
    assert answer.headers["location"] == f"/reporting/dead-letters?replayed={letter}"
    async with web.service.database.read() as session:
        assert await session.scalar(select(ended_sessions.c.session)) == "s-1"
        assert await deadletters.count(session) == 0
        assert await session.scalar(select(audit.audit.c.action)) == "dead-letter.replayed"


async def test_a_letter_that_fails_again_stays_and_says_why(web):
    letter = await bury(web, body=b'{"session": 1}')
    client = web.client(Role.OPERATOR)
    answer = await client.post(f"/reporting/dead-letters/{letter}/replay", data={"csrf": client.officer.csrf}, headers=HTML)
    assert answer.status_code == 422
    assert "Vẫn chưa áp dụng được: Unreadable" in answer.text
    async with web.service.database.read() as session:
        assert await deadletters.count(session) == 1


async def test_a_letter_that_can_never_be_applied_is_closed_by_somebody_who_says_why(web):
    letter = await bury(web, body=b"no event")
    client = web.client(Role.OPERATOR)
    path, form = f"/reporting/dead-letters/{letter}", {"csrf": client.officer.csrf}
    unsaid = await client.post(f"{path}/close", data=form | {"reason": "  "}, headers=HTML)
    assert (unsaid.status_code, "Chưa ghi lý do đóng." in unsaid.text) == (422, True)
    async with web.service.database.read() as session:
        assert await deadletters.count(session) == 1
    answer = await client.post(f"{path}/close", data=form | {"reason": "phát bằng tay, sai <mẫu>"})
    assert answer.headers["location"] == f"/reporting/dead-letters?closed={letter}"
    assert f"Đã đóng sự kiện {letter}, không áp dụng." in (await client.get(answer.headers["location"])).text
    page = (await client.get(path)).text
    assert "Đã đóng, không áp dụng" in page
    assert "phát bằng tay, sai &lt;mẫu&gt;" in page
    assert "/close" not in page
    async with web.service.database.read() as session:
        assert (await deadletters.count(session), await deadletters.listed(session)) == (0, [])
        row = (await session.execute(select(audit.audit))).one()
    assert (row.action, row.subject, row.actor) == ("dead-letter.closed", letter, client.officer.id)
    assert "phát bằng tay" in row.details
    assert (await client.post(f"{path}/close", data=form | {"reason": "again"}, headers=HTML)).status_code == 409


async def test_nobody_but_the_operator_closes_a_dead_letter(web):
    letter = await bury(web)
    client = web.client(Role.AUDITOR)
    assert (await client.post(f"/reporting/dead-letters/{letter}/close", data={"csrf": client.officer.csrf, "reason": "x"}, headers=HTML)).status_code == 403
    async with web.service.database.read() as session:
        assert await deadletters.count(session) == 1


async def test_a_body_that_is_no_json_is_shown_as_it_came(web):
    letter = await bury(web, body=b"\xff<script>")
    page = (await web.client(Role.OPERATOR).get(f"/reporting/dead-letters/{letter}")).text
    assert "\\xff&lt;script&gt;" in page


async def test_an_unknown_dead_letter_is_not_found(web):
    client = web.client(Role.OPERATOR)
    assert (await client.get("/reporting/dead-letters/none", headers=HTML)).status_code == 404
    assert (await client.post("/reporting/dead-letters/none/replay", data={"csrf": client.officer.csrf})).status_code == 404


async def test_an_auditor_reads_everybodys_trail_and_others_their_own_units(web):
    await note(web, "u1", "u2")
    everything = (await web.client(Role.AUDITOR).get("/reporting/audit")).text
    assert "Cán bộ u1" in everything
    assert "Cán bộ u2" in everything
    own = (await web.client(Role.CLERK, unit="u1").get("/reporting/audit")).text
    assert "Cán bộ u1" in own
    assert "Cán bộ u2" not in own
    assert "Gửi báo cáo" in own
    assert "chậm do mưa" in own


async def test_the_trail_is_filtered_and_paged(web):
    await note(web, *["u1"] * 55)
    await note(web, "u2", action="report.returned")
    client = web.client(Role.AUDITOR)
    first = (await client.get("/reporting/audit")).text
    assert first.count("<details>") == 50
    assert "before=7" in first
    assert (await client.get("/reporting/audit", params={"before": 7})).text.count("<details>") == 6
    assert (await client.get("/reporting/audit", params={"action": "report.returned"})).text.count("<details>") == 1
    assert (await client.get("/reporting/audit", params={"who": "bộ u2"})).text.count("<details>") == 1
    assert (await client.get("/reporting/audit", params={"who": "100%_"})).text.count("<details>") == 0


async def test_a_changed_entry_breaks_the_chain_visibly(web):
    await note(web, "u1", "u2", "u3")
    client = web.client(Role.AUDITOR)
    assert "Chuỗi nguyên vẹn" in (await client.get("/reporting/audit/chain")).text
    async with web.service.database.write() as session:
        await session.execute(update(audit.audit).where(audit.audit.c.number == 2).values(actor_name="Người khác"))
    broken = (await client.get("/reporting/audit/chain")).text
    assert "Chuỗi bị đứt" in broken
    assert "Mục số 2" in broken


async def test_an_event_is_found_by_its_id_with_its_trace(web):
    client = web.client(Role.OPERATOR)
    event = await say(web)

    async def published() -> bool:
        async with web.service.database.read() as session:
            return bool(await session.scalar(select(outbox.c.sent).where(outbox.c.id == event)))

    await until(published)
    page = (await client.get(f"/reporting/events/{event}")).text
    assert OWN.TYPE in page
    assert "&#34;round&#34;: &#34;ky-1&#34;" in page
    assert "Chưa phát đi" not in page
    assert (await client.get("/reporting/events/none", headers=HTML)).status_code == 404


async def test_the_simulated_clock_is_on_every_page(web):
    assert "16:00 ngày 30/10/2023" in (await web.client(Role.CLERK).get("/reporting/due")).text
    assert "16:00, 30 Oct 2023" in (await web.client().get("/reporting/clock", params={"lang": "en"})).text


async def test_what_is_due_is_a_clerks_first_way_and_the_overview_the_councils(web):
    clerk, member = (web.client(role).officer for role in (Role.CLERK, Role.MEMBER))
    assert entries(clerk, "/")[0].path == "/reporting/due"
    assert entries(member, "/")[0].path == "/evaluation/overview"
    assert entries(None, "/") == []


async def test_the_way_where_the_reader_stands_is_marked(web):
    page = (await web.client(Role.CLERK).get("/reporting/due")).text
    assert '<a href="/reporting/due" aria-current="page">' in page
    assert page.count('aria-current="page"') == 1


@pytest.mark.parametrize("role", list(Role))
async def test_each_way_is_offered_once(web, role):
    paths = [entry.path for entry in entries(web.client(role).officer, "/")]
    assert len(paths) == len(set(paths))
    assert 3 <= len(paths) <= len(WAYS)
