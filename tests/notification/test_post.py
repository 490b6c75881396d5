"""E-mails on their way to a real mail server: once they are there, what when it refuses, dies, or we do."""

import asyncio
import contextlib
import email
import email.policy
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import select

from services.notification import post as module
from services.notification.mail import Mail, Unsendable, build
from services.notification.post import Post, server
from services.notification.rules import RETRY
from services.notification.sink import Sink
from services.operation.sandbox import PREFIX
from shared.delivery import Delivery
from shared.events.registration import OfficerDisabled, Role
from shared.identity import new_id
from shared.outbox import outbox
from shared.settings import SettingsRefused
from shared.telemetry import SPAN_LETTER
from tests.notification import story
from tests.notification.conftest import service_of
from tests.notification.story import CAMPAIGN, DEADLINE, OPENING

WALL = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)


def mails(sink: Sink) -> list[email.message.EmailMessage]:
    found = sorted(sink.folder.glob("*.eml"))
    return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in found]


async def states(ear, rule="warning") -> dict[str, tuple[str, int]]:
    return {row.officer: (row.state, row.attempts) for row in await ear.rows(rule, channel="e-mail", audience="unit")}


async def test_a_letter_arrives_in_vietnamese_with_its_link_and_why_it_came(town, post, sink):
    await town.hear(story.missed(), at=DEADLINE, ids=["event-1"])
    assert await post.deliver_due(WALL) == 2
    mail = next(m for m in mails(sink) if "xa.clerk" in m["To"])
    row = (await town.rows("overdue", officer="xa.clerk", channel="e-mail"))[0]
    assert mail["To"].addresses[0].addr_spec == "xa.clerk@laichau.example"
    assert mail["Subject"] == "ky-1: Đơn vị xa đã quá hạn nộp báo cáo"
    assert mail["Message-ID"] == row.message_id
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content()
    assert "Kính gửi đồng chí Cán bộ xa.clerk" in text
    assert "Đến 17:00 ngày 24/07/2023, Đơn vị xa chưa nộp báo cáo" in text
    assert f"https://thidua.example/notification/letters/{row.letter}" in text
    assert 'quy tắc "Quá hạn báo cáo"; sự kiện event-1' in text
    assert (row.state, row.attempts) == ("delivered", 1)


async def test_a_letter_leaves_once(town, post, sink):
    await town.hear(story.warned(), at=OPENING)
    assert await post.deliver_due(WALL) == 2
    assert await post.deliver_due(WALL) == 0
    assert len(mails(sink)) == 2


async def test_a_mail_server_that_does_not_answer_is_tried_again_ever_more_rarely_until_it_is_enough(town, post, sink):
    await sink.stop()
    await town.hear(story.warned(), at=OPENING)
    wall = WALL
    for attempt, rest in enumerate(RETRY, start=1):
        assert await post.deliver_due(wall) == 2
        assert await states(town) == {"xa.clerk": ("queued", attempt), "xa.head": ("queued", attempt)}
        assert await post.deliver_due(wall + rest - timedelta(seconds=1)) == 0, "it rests"
        wall += rest
    await post.deliver_due(wall)
    assert await states(town) == {"xa.clerk": ("failed", len(RETRY) + 1), "xa.head": ("failed", len(RETRY) + 1)}
    assert all(row.error for row in await town.rows("warning", state="failed"))


async def test_letters_leave_when_the_mail_server_is_back(town, post, sink):
    await sink.stop()
    await town.hear(story.warned(), at=OPENING)
    await post.deliver_due(WALL)
    await sink.start()
    assert await post.deliver_due(WALL + RETRY[0]) == 2
    assert {state for state, _ in (await states(town)).values()} == {"delivered"}


def counted(post: Post) -> dict[tuple[str, str], float]:
    """E-mails by campaign and outcome."""
    found = (one for metric in post.telemetry.letters.collect() for one in metric.samples if one.name == "thidua_letters_total")
    return {(one.labels["campaign"], one.labels["outcome"]): one.value for one in found if one.value}


async def test_an_attempt_is_counted_under_the_campaign_of_its_letter(town, post, sink):
    rehearsal = f"{PREFIX}{CAMPAIGN}-1"
    post.telemetry.campaigns.know([CAMPAIGN, rehearsal])
    await town.hear(story.warned(), story.warned(warning="w2").model_copy(update={"campaign": rehearsal}), at=OPENING)
    await sink.stop()
    await post.deliver_due(WALL)
    await sink.start()
    await post.deliver_due(WALL + RETRY[0])
    assert counted(post) == {(code, outcome): 2 for code in (CAMPAIGN, rehearsal) for outcome in ("retried", "delivered")}


class Picky(Sink):
    """Knows no head, and has no room for clerks for the time being."""

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's interface
        if "head" in address:
            return "550 no such mailbox"
        return "452 mailbox full"


async def test_an_address_refused_for_good_fails_at_once_and_one_refused_for_now_is_tried_again(town, tmp_path):
    sink = Picky(tmp_path / "picky")
    await sink.start()
    service = service_of(town, sink.url)
    await town.hear(story.warned(), at=OPENING)
    await Post(service).deliver_due(WALL)
    assert await states(town) == {"xa.clerk": ("queued", 1), "xa.head": ("failed", 1)}
    await sink.stop()
    await service.database.close()


async def test_on_a_machine_that_takes_too_long_for_its_questions_letters_leave_all_the_same(town, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH_SECONDS", 0.0)
    sink = Sink(tmp_path / "slow")
    await sink.start()
    service = service_of(town, sink.url)
    await town.hear(story.warned(), at=OPENING)
    await Post(service).deliver_due(WALL)
    assert await states(town) == {"xa.clerk": ("delivered", 1), "xa.head": ("delivered", 1)}
    await sink.stop()
    await service.database.close()


class Deadly(Sink):
    """Takes the first mail, and the sender dies before it can note that."""

    victim: asyncio.Task | None = None

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's interface
        answer = await super().handle_DATA(server, session, envelope)
        if self.victim:
            self.victim.cancel()
            self.victim = None
            await asyncio.sleep(0.05)
        return answer


async def test_a_crash_between_sending_and_noting_sends_again_with_the_same_message_id(town, tmp_path):
    sink = Deadly(tmp_path / "deadly")
    await sink.start()
    service = service_of(town, sink.url)
    await town.hear(story.warned(), at=OPENING)
    sink.victim = asyncio.create_task(Post(service).deliver_due(WALL))
    with contextlib.suppress(asyncio.CancelledError):
        await sink.victim
    assert {state for state, _ in (await states(town)).values()} == {"queued"}
    await Post(service).deliver_due(WALL)
    sent = [mail["Message-ID"] for mail in mails(sink)]
    assert len(sent) == 3
    assert len(set(sent)) == 2
    assert {state for state, _ in (await states(town)).values()} == {"delivered"}
    await sink.stop()
    await service.database.close()


async def test_an_officer_disabled_before_the_mail_leaves_gets_none(town, post, sink):
    await town.hear(story.warned(), at=OPENING)
    await town.hear(OfficerDisabled(officer="xa.head", revision=2), at=OPENING)
    await post.deliver_due(WALL)
    assert [mail["To"].addresses[0].addr_spec for mail in mails(sink)] == ["xa.clerk@laichau.example"]


async def test_a_name_that_would_smuggle_a_header_in_is_refused_and_seen(ear, tmp_path):
    sink = Sink(tmp_path / "mail")
    await sink.start()
    service = service_of(ear, sink.url)
    wicked = story.officer("xa.clerk", "xa", Role.CLERK).model_copy(update={"name": "A\r\nBcc: evil@example.com"})
    await ear.hear(story.unit("xa", None), wicked, story.warned(), at=OPENING)
    await Post(service).deliver_due(WALL)
    assert mails(sink) == []
    row = (await ear.rows("warning", channel="e-mail"))[0]
    assert row.state == "failed"
    assert "line break" in row.error
    await sink.stop()
    await service.database.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "a@b.vn, c@d.vn"}, {"address": "a@b.vn\r\nBcc: c@d.vn"}, {"address": "nobody"}, {"address": ""},
        {"subject": "Thư\nBcc: c@d.vn"}, {"subject": "Thư\u2028Bcc: c@d.vn"}, {"name": "A\rB"}, {"message_id": "<a>\n"},
    ],
)  # fmt: skip
def test_no_header_and_no_second_recipient_can_be_smuggled_in(wrong):
    good = {
        "sender": "thidua@laichau.example", "name": "Lò Thị Mẫu", "address": "a@b.vn", "subject": "Cảnh báo",
        "body": "x", "message_id": "<1@letters.thidua>", "written": WALL,
    }  # fmt: skip
    assert b"To: =?utf-8?" in build(Mail(**good))
    with pytest.raises(Unsendable):
        build(Mail(**good | wrong))


@pytest.mark.parametrize("url", ["http://x", "smtp://", "localhost:25", "smtp://x:notaport"])
def test_a_mail_servers_address_that_cannot_be_right_is_refused_by_name(url):
    with pytest.raises(SettingsRefused, match="THIDUA_SMTP_URL"):
        server(url)


async def test_the_delivery_belongs_to_the_trace_of_the_event_that_caused_the_letter(town, post):
    spans = InMemorySpanExporter()
    post.service.trace_to(SimpleSpanProcessor(spans))
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    told = story.delivery(story.warned(), OPENING, new_id())
    traced = Delivery(told.message, story.Meta(**{f: getattr(told.meta, f) for f in ("id", "source", "type", "time")}, traceparent=parent), told.event)
    await town.apply([traced])
    await post.deliver_due(WALL)
    sent = [span for span in spans.get_finished_spans() if span.name == SPAN_LETTER]
    assert {f"{span.context.trace_id:032x}" for span in sent} == {"a" * 32}
    async with town.database.read() as session:
        said = (await session.scalars(select(outbox.c.traceparent))).all()
    assert len(said) == 2, "by inbox and by e-mail"
    assert {header.split("-")[1] for header in said} == {"a" * 32}


async def test_the_job_wakes_on_the_commit_that_queued_and_shuts_the_channel_without_a_mail_server(town, post, sink):
    job = asyncio.create_task(module.deliver(post.service))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await story.Ear(post.service.database).hear(story.warned(), at=OPENING)
        while sink.received < 2:
            await asyncio.sleep(0.01)
    job.cancel()
    silent = service_of(town, "")
    await module.deliver(silent)
    await silent.database.close()
    await town.hear(story.warned("huyen", warning="w2"), at=OPENING)
    assert {row.channel for row in await town.rows("warning", unit="huyen")} == {"inbox"}


async def test_the_sink_keeps_the_last_mails_only(town, tmp_path):
    sink = Sink(tmp_path / "mail", kept=1)
    await sink.start()
    service = service_of(town, sink.url)
    await town.hear(story.warned(), at=OPENING)
    await Post(service).deliver_due(WALL)
    assert (sink.received, len(mails(sink))) == (2, 1)
    await sink.stop()
    await service.database.close()
