"""Whoever answers for many units gets one letter about the same matter and minute: 40 events, one e-mail."""

import asyncio
import email
import email.policy
import json
from collections import Counter
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.notification import log, reading
from services.notification.letters import Draft, Origin, compose
from services.notification.models import letters
from services.notification.post import Post
from shared.database import Database
from shared.events.campaign import Phase
from shared.events.registration import CampaignAdvanced, Role
from shared.outbox import outbox
from shared.security import signed_in
from shared.testing.databases import KINDS, fresh_database
from tests.notification import story
from tests.notification.conftest import service_of
from tests.notification.story import CAMPAIGN, DAY, DEADLINE, HOUR, MINUTE, OPENING, Ear
from tests.notification.test_post import WALL

MANY = 40
BELOW = [f"xa-{number:02}" for number in range(MANY)]
TOLD = {("huyen.head", "inbox"), ("huyen.head", "e-mail")}


@pytest.fixture(params=KINDS)
def database_kind(request):
    return request.param


async def settle_below(ear: Ear) -> None:
    """A district with many communes."""
    await ear.hear(*(story.unit(unit, "huyen") for unit in BELOW))


def warnings(units: list[str] = BELOW) -> list:
    return [story.warned(unit, warning=f"w-{unit}") for unit in units]


async def to_superior(ear: Ear, rule: str = "warning") -> list:
    """The letters that reached the district's head, each once."""
    return await ear.rows(rule, audience="superior", channel="inbox")


async def mailed(sink) -> list:
    folder = sorted(sink.folder.glob("*.eml"))
    return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in folder]


async def test_forty_warnings_are_one_letter_and_one_e_mail_to_their_superior_and_one_each_to_the_units(town):
    await settle_below(town)
    await town.hear(*warnings(), at=OPENING)
    assert await to_superior(town) == []
    await town.tick(OPENING + MINUTE)
    assert await town.who("warning", audience="superior") == TOLD
    (digest,) = await to_superior(town)
    assert (digest.unit, digest.addressee, digest.parameters["count"], len(digest.parameters["lines"])) == ("", "huyen", MANY, 5)
    async with town.database.read() as session:
        rows = (await session.execute(select(letters).where(letters.c.rule == "warning", letters.c.unit != ""))).all()
    assert Counter(row.audience for row in rows) == {"unit": MANY, "superior": MANY}, "each unit has its own letter and its place in the digest"
    await town.tick(OPENING + 2 * MINUTE)
    assert len(await to_superior(town)) == 1, "once"


async def test_reports_missing_at_a_deadline_are_one_letter_per_round_and_superior(town):
    await settle_below(town)
    await town.hear(story.unit("huyen-2", "tinh"), story.unit("xa-x", "huyen-2"), story.officer("h2.head", "huyen-2", Role.HEAD))
    await town.hear(*map(story.missed, BELOW), story.missed("xa-x"), story.missed("huyen-2"), at=DEADLINE)
    await town.tick(DEADLINE + DAY)
    found = await to_superior(town, "overdue-superior")
    assert {(row.officer, row.unit, row.parameters.get("count")) for row in found} == {
        ("huyen.head", "", MANY), ("h2.head", "xa-x", None), ("thu-ky", "huyen-2", None),
    }  # fmt: skip
    assert {row.parameters["round"] for row in found} == {"ky-1"}


async def test_a_missing_report_is_told_to_the_superior_once_and_after_a_hold_when_that_is_lifted(town):
    await settle_below(town)
    await town.hear(story.held(BELOW[0]), *map(story.missed, BELOW), at=DEADLINE)
    for minutes in range(3):
        await town.tick(DEADLINE + DAY + minutes * MINUTE)
    await town.hear(story.lifted(BELOW[0]), *map(story.missed, BELOW), at=DEADLINE + 2 * DAY)
    for minutes in range(3):
        await town.tick(DEADLINE + 2 * DAY + minutes * MINUTE)
    found = await to_superior(town, "overdue-superior")
    assert [(row.unit, row.parameters.get("count")) for row in found] == [("", MANY - 1), (BELOW[0], None)]


async def test_what_is_over_before_the_digest_leaves_is_not_in_it(town):
    await settle_below(town)
    await town.hear(*warnings(), at=OPENING)
    await town.hear(*(story.cleared(unit, warning=f"w-{unit}") for unit in BELOW[2:]), at=OPENING)
    await town.tick(OPENING + MINUTE)
    (digest,) = await to_superior(town)
    assert [line["unit"] for line in digest.parameters["lines"]] == BELOW[:2]


async def test_one_letter_alone_is_no_digest(town):
    await town.hear(story.warned(), at=OPENING)
    await town.tick(OPENING + MINUTE)
    (letter,) = await to_superior(town)
    assert (letter.unit, letter.cause, "lines" in letter.parameters) == ("xa", "w1", False)


async def test_a_queued_digest_leaves_without_what_was_settled_meanwhile_and_is_withdrawn_with_the_last(town, sink):
    await settle_below(town)
    await town.hear(*warnings(BELOW[:3]), *warnings(["xa"]), at=OPENING)
    await town.tick(OPENING + MINUTE)
    await town.hear(story.cleared("xa", warning="w-xa"), story.cleared(BELOW[0], warning=f"w-{BELOW[0]}"), at=OPENING + HOUR)
    post = Post(service_of(town, sink.url))
    await post.deliver_due(WALL)
    (mail,) = [mail for mail in await mailed(sink) if "huyen.head" in mail["To"]]
    assert str(mail["Subject"]) == "2 cảnh báo sớm ở các đơn vị trực thuộc"
    body = mail.get_content()
    assert all(f"Đơn vị {unit}:" in body for unit in BELOW[1:3])
    assert f"Đơn vị {BELOW[0]}:" not in body
    await post.database.close()


async def test_a_digest_is_settled_and_its_e_mail_withdrawn_once_nothing_in_it_is_open(town):
    await settle_below(town)
    await town.hear(*warnings(), at=OPENING)
    await town.tick(OPENING + MINUTE)
    await town.hear(*(story.cleared(unit, warning=f"w-{unit}") for unit in BELOW[1:]), at=OPENING + HOUR)
    assert {row.settled for row in await to_superior(town)} == {None}
    await town.hear(story.cleared(BELOW[0], warning=f"w-{BELOW[0]}"), at=OPENING + HOUR)
    rows = await town.rows("warning", audience="superior")
    assert {(row.channel, row.state, row.settled) for row in rows} == {
        ("inbox", "delivered", OPENING + HOUR), ("e-mail", "withdrawn", OPENING + HOUR),
    }  # fmt: skip


async def test_that_a_letter_reached_is_said_of_the_unit_itself_alone(town):
    await settle_below(town)
    await town.hear(*warnings(), at=OPENING)
    await town.hear(*(story.officer(f"{unit}.clerk", unit, Role.CLERK) for unit in BELOW), at=OPENING)
    await town.tick(OPENING + MINUTE)
    async with town.database.read() as session:
        said = [json.loads(body) for body in await session.scalars(select(outbox.c.body))]
    assert {(event["unit"], event["cause"]) for event in said} == {(unit, f"w-{unit}") for unit in BELOW}


async def test_who_comes_into_office_later_gets_the_digest_and_not_what_is_in_it(ear):
    await ear.hear(story.unit("huyen", None), *(story.unit(unit, "huyen") for unit in BELOW))
    await ear.hear(*warnings(), at=OPENING)
    await ear.tick(OPENING + MINUTE)
    assert await ear.rows() == []
    await ear.hear(story.officer("huyen.head", "huyen", Role.HEAD), at=OPENING + DAY)
    assert await ear.who("warning") == TOLD
    async with ear.database.read() as session:
        assert await log.unaddressed(session) == MANY, "the units' own letters still wait, those in the digest do not"


async def test_a_movement_that_is_over_gathers_no_warnings_any_more(town):
    await settle_below(town)
    await town.hear(*warnings(), at=OPENING)
    await town.hear(CampaignAdvanced(campaign=CAMPAIGN, revision=6, phase=Phase.RANKED, at=OPENING), at=OPENING)
    await town.tick(OPENING + HOUR)
    await town.hear(story.officer("huyen.2", "huyen", Role.HEAD), at=OPENING)
    assert await to_superior(town) == []


async def test_what_an_earlier_version_has_addressed_already_is_not_gathered(town):
    await town.hear(story.warned(), at=OPENING)
    async with town.database.write() as session:
        drafts = [Draft("warning", CAMPAIGN, unit, f"w-{unit}", Origin(OPENING), 1, {"percent": "1"}) for unit in BELOW]
        await compose(session, drafts)
        await session.execute(letters.update().where(letters.c.audience == "superior").values(digest=None))
    await town.tick(OPENING + MINUTE)
    assert await to_superior(town) == []


async def test_two_replicas_that_get_the_same_events_and_ticks_write_one_digest():
    async with fresh_database("notification", "postgres") as database:
        other = Database(database.url, "notification")
        replicas = Ear(database), Ear(other)
        await replicas[0].hear(*story.province())
        await settle_below(replicas[0])
        batch = [story.delivery(event, OPENING, f"w{number}") for number, event in enumerate(warnings())]

        async def one(ear: Ear) -> None:
            for work in (lambda: ear.apply(batch), lambda: ear.tick(OPENING + MINUTE), lambda: ear.tick(OPENING + 2 * MINUTE)):
                for _ in range(2):  # who lost the race tries again, as the inbox does
                    try:
                        await work()
                        break
                    except RuntimeError:
                        continue

        await asyncio.gather(*map(one, replicas))
        assert await replicas[0].who("warning", audience="superior") == TOLD
        assert len(await to_superior(replicas[0])) == 1
        await other.close()


async def ending(order: list[int], size: int) -> list[tuple]:
    """What the district's head and the secretary got after one minute in which events came in this order and in batches of this size."""
    events = [*warnings(BELOW[:6]), *(story.cleared(unit, warning=f"w-{unit}") for unit in BELOW[4:6]), *map(story.submitted, BELOW[:3])]
    async with fresh_database("notification") as database:
        ear = Ear(database)
        await ear.hear(*story.province(), *(story.unit(unit, "huyen") for unit in BELOW[:6]))
        batch = [story.delivery(events[number], OPENING, f"e{number}") for number in order]
        for start in range(0, len(batch), size):
            await ear.apply(batch[start : start + size])
        await ear.tick(OPENING + MINUTE)
        rows = [row for row in await ear.rows(audience="superior") if row.rule == "warning"] + await ear.rows("registration-submitted")
        return sorted((row.rule, row.officer, row.channel, row.cause, json.dumps(row.parameters, sort_keys=True)) for row in rows)


@cache
def expected() -> list[tuple]:
    return asyncio.run(ending(list(range(11)), 11))


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(11)), st.lists(st.integers(0, 10), max_size=5), st.integers(1, 11))
def test_any_order_with_duplicates_in_any_batches_gives_the_same_digests(order, again, size):
    assert asyncio.run(ending([*order, *again], size)) == expected()
    assert len(expected()) == 3


async def test_a_digest_reads_in_the_inbox_and_on_the_units_page_and_its_page_lists_all(town):
    await settle_below(town)
    await town.hear(*warnings(), at=OPENING)
    await town.tick(OPENING + MINUTE)
    await town.hear(story.cleared(BELOW[7], warning=f"w-{BELOW[7]}"), at=OPENING + HOUR)
    head = signed_in("huyen.head", 1, name="", post="", unit="huyen", roles=[Role.HEAD])
    async with town.database.read() as session:
        (letter,) = [found for found in await reading.listed(session, head, "vi") if found.rule.code == "warning"]
        listed = await reading.gathered(session, letter, "vi")
        about = await reading.about(session, head, BELOW[3], OPENING, "vi")
    assert (letter.text.subject, len(letter.text.lines), letter.page) == ("40 cảnh báo sớm ở các đơn vị trực thuộc", 5, "/evaluation/warnings")
    assert letter.text.paragraphs[-1] == "Và 35 trường hợp khác: thư trên hệ thống có danh sách đầy đủ."
    assert [each.unit for each in listed] == BELOW
    assert [each.unit for each in listed if each.settled] == [BELOW[7]]
    assert {(found.rule.code, found.delivered_at) for found in about} == {("warning", OPENING + MINUTE)}
