"""Pages and JSON API with the service running on a real broker."""

import asyncio
import re
from datetime import UTC, datetime

import nats
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared import security
from shared.events.registration import KeyPublished, Role
from shared.identity import new_id
from shared.security import SigningKey, signed_in
from shared.testing.fixtures import launched
from tests.notification import story
from tests.notification.story import DEADLINE, OPENING, Ear

PEM = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
KEY = SigningKey(PEM)
PEOPLE = {
    "xa.clerk": ("xa", Role.CLERK), "xa.head": ("xa", Role.HEAD), "huyen.head": ("huyen", Role.HEAD),
    "thu-ky": ("tinh", Role.SECRETARY), "kiem-tra": ("tinh", Role.AUDITOR), "van-hanh": ("tinh", Role.OPERATOR),
    "khac.clerk": ("khac", Role.CLERK),
}  # fmt: skip


def bearer(login: str) -> dict[str, str]:
    unit, role = PEOPLE[login]
    officer = signed_in(login, 1, name=login, post="", unit=unit, roles=[role])
    return {"authorization": f"Bearer {KEY.issue(officer, datetime.now(UTC))}"}


@pytest_asyncio.fixture
async def running(app_of):
    """The service runs; units, officers and a missing report of the commune are known."""
    app = app_of("notification")
    async with launched(app) as client:
        ear = Ear(app.state.service.database)
        key = KeyPublished(key=KEY.id, public_pem=KEY.public_pem, expires_at=datetime(2100, 1, 1, tzinfo=UTC))
        await ear.hear(key, *story.province(), story.unit("khac", "huyen"), story.officer("khac.clerk", "khac", Role.CLERK))
        ear.inbox.clock = app.state.service.clock
        await ear.tick(DEADLINE)
        await ear.hear(story.missed(), at=DEADLINE)
        yield client, ear, app.state.service


async def letter_of(client, login: str) -> str:
    return (await client.get("/notification/api/letters", headers=bearer(login))).json()["letters"][0]["letter"]


async def test_a_letter_is_in_the_inbox_until_it_is_read(running):
    client, *_ = running
    page = (await client.get("/notification/inbox", headers=bearer("xa.clerk"))).text
    assert "1 thư chưa đọc." in page
    assert "ky-1: Đơn vị xa đã quá hạn nộp báo cáo" in page
    assert (await client.get("/notification/fragments/badge", headers=bearer("xa.clerk"))).text.count("badge") == 1
    answer = await client.post(f"/notification/letters/{await letter_of(client, 'xa.clerk')}/read", headers=bearer("xa.clerk"))
    assert answer.headers["location"] == "/notification/inbox"
    assert "Không có thư chưa đọc." in (await client.get("/notification/inbox", headers=bearer("xa.clerk"))).text
    assert (await client.get("/notification/fragments/badge", headers=bearer("xa.clerk"))).text.count("badge") == 0


async def test_a_letter_says_why_it_came_in_the_readers_language(running):
    client, *_ = running
    path = f"/notification/letters/{await letter_of(client, 'xa.clerk')}"
    page = (await client.get(path, headers=bearer("xa.clerk"))).text
    assert "Vì sao tôi nhận thư này" in page
    assert "Đến 17:00 ngày 24/07/2023, Đơn vị xa chưa nộp báo cáo ky-1." in page
    assert 'href="/reporting/rounds/ky-1"' in page
    english = (await client.get(path, params={"lang": "en"}, headers=bearer("xa.clerk"))).text
    assert "Why did I get this" in english
    assert "By 17:00, 24 Jul 2023, Đơn vị xa had not reported: ky-1." in english


async def test_reading_a_page_marks_nothing_and_a_form_without_its_word_is_refused(running):
    client, *_ = running
    letter = await letter_of(client, "xa.clerk")
    await client.get(f"/notification/letters/{letter}", headers=bearer("xa.clerk"))
    assert (await client.get("/notification/api/letters", headers=bearer("xa.clerk"))).json()["unread"] == 1
    token = bearer("xa.clerk")["authorization"].split()[1]
    cookie = {"cookie": f"{security.PLAIN_COOKIE}={token}"}
    forged = await client.post(f"/notification/letters/{letter}/read", headers=cookie)
    assert forged.status_code == 403


async def test_the_api_gives_letters_and_takes_that_one_was_read(running):
    client, *_ = running
    body = (await client.get("/notification/api/letters", params={"unread": True}, headers=bearer("xa.clerk"))).json()
    assert [(each["rule"], each["title"], each["unit"]) for each in body["letters"]] == [("overdue", "Quá hạn báo cáo", "xa")]
    letter = body["letters"][0]["letter"]
    for _ in range(2):
        assert (await client.post(f"/notification/api/letters/{letter}/read", headers=bearer("xa.clerk"))).status_code == 204
    assert (await client.get("/notification/api/letters", params={"unread": True}, headers=bearer("xa.clerk"))).json() == {
        "unread": 0, "letters": [],
    }  # fmt: skip


async def test_somebody_elses_letter_does_not_exist_for_an_officer(running):
    client, *_ = running
    letter = await letter_of(client, "xa.clerk")
    for answer in (
        await client.get(f"/notification/letters/{letter}", headers=bearer("khac.clerk")),
        await client.post(f"/notification/api/letters/{letter}/read", headers=bearer("khac.clerk")),
        await client.post(f"/notification/api/letters/{new_id()}/read", headers=bearer("xa.clerk")),
    ):
        assert answer.status_code == 404
    assert (await client.get(f"/notification/letters/{letter}", headers=bearer("kiem-tra"))).status_code == 200


@pytest.mark.parametrize("path", ["/notification/inbox", "/notification/log", "/notification/fragments/badge", "/notification/preferences"])
async def test_nobody_reads_letters_without_a_session(running, path):
    client, *_ = running
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/registration/sign-in")


async def test_the_api_without_a_session_says_so(running):
    client, *_ = running
    assert (await client.get("/notification/api/letters")).status_code == 401


@pytest.mark.parametrize(("login", "status"), [("xa.head", 200), ("huyen.head", 200), ("thu-ky", 200), ("khac.clerk", 404)])
async def test_letters_about_a_unit_are_seen_by_itself_its_superiors_and_the_council(running, login, status):
    client, *_ = running
    answer = await client.get("/notification/fragments/units/xa", headers=bearer(login))
    assert answer.status_code == status
    assert ("quá hạn nộp báo cáo" in answer.text) == (status == 200)


@pytest.mark.parametrize(("login", "status"), [("van-hanh", 200), ("thu-ky", 200), ("kiem-tra", 200), ("xa.head", 403)])
async def test_the_log_is_for_those_who_answer_for_it(running, login, status):
    client, *_ = running
    assert (await client.get("/notification/log", headers=bearer(login))).status_code == status


async def test_the_log_shows_each_delivery_filters_and_says_that_e_mail_is_off(running):
    client, *_ = running
    page = (await client.get("/notification/log", headers=bearer("van-hanh"))).text
    assert "THIDUA_SMTP_URL" in page
    assert page.count("Cán bộ xa.") == 2
    assert "<svg" in page
    filtered = (await client.get("/notification/log", params={"state": "failed"}, headers=bearer("van-hanh"))).text
    assert "Không có lần gửi nào." in filtered
    odd = await client.get("/notification/log", params={"state": "'; --", "channel": "x", "before": "ÿ"}, headers=bearer("van-hanh"))
    assert odd.status_code == 200


async def test_the_books_are_for_operator_and_auditor_and_balance(running):
    client, *_ = running
    assert (await client.get("/notification/api/books", headers=bearer("xa.clerk"))).status_code == 403
    books = (await client.get("/notification/api/books", headers=bearer("van-hanh"))).json()
    assert books == {"created": 2, "delivered": 2, "withdrawn": 0, "failed": 0, "pending_due": 0}


async def test_an_officer_switches_off_the_e_mail_of_letters_that_are_not_mandatory(running):
    client, *_ = running
    page = (await client.get("/notification/preferences", headers=bearer("xa.clerk"))).text
    assert len(re.findall(r'value="round-opened" checked>', page)) == 1
    assert len(re.findall(r'value="warning" checked disabled>', page)) == 1
    answer = await client.post("/notification/preferences", data={"rule": ["due-3"]}, headers=bearer("xa.clerk"))
    assert answer.status_code == 303
    page = (await client.get("/notification/preferences", headers=bearer("xa.clerk"))).text
    assert len(re.findall(r'value="round-opened">', page)) == 1
    wrong = await client.post("/notification/preferences", data={"rule": ["nothing"]}, headers=bearer("xa.clerk"))
    assert wrong.status_code == 422


async def test_an_event_from_the_broker_becomes_a_letter(running):
    client, _, service = running
    event = story.warned()
    headers = {
        "Nats-Msg-Id": "w-1", "ce-specversion": "1.0", "ce-id": "w-1", "ce-source": "/thidua/evaluation", "ce-type": event.TYPE,
        "ce-time": OPENING.isoformat(), "content-type": "application/json", "traceparent": f"00-{'c' * 32}-{'d' * 16}-01",
    }  # fmt: skip
    connection = await nats.connect(service.settings.nats_url)
    await connection.jetstream().publish(event.TYPE, event.model_dump_json().encode(), headers=headers)
    async with asyncio.timeout(60):
        while True:
            found = (await client.get("/notification/api/letters", headers=bearer("xa.clerk"))).json()["letters"]
            if "warning" in {letter["rule"] for letter in found}:
                break
            await asyncio.sleep(0.02)
    await connection.close()
    letter = next(letter for letter in found if letter["rule"] == "warning")
    assert (letter["event"], letter["trace"]) == ("w-1", "c" * 32)
    assert "60,3%" in letter["body"] or "60,2%" in letter["body"]
