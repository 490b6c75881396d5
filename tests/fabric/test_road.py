"""Outbox, relay, stream, inbox: an event recorded here has its effect there, once."""

import asyncio
import signal
import socket
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg
from nats.js.api import DiscardPolicy
from nats.js.errors import NotFoundError
from sqlalchemy import func, select

from shared import deadletters, streams
from shared import settings as configuration
from shared.delivery import Meta
from shared.events.registration import OfficerDisabled, SessionEnded
from shared.inbox import MAX_DELIVER, Hears, Inbox, Touched, inbox
from shared.outbox import outbox, record, waiting
from shared.publishing import LARGEST
from shared.service import Service
from tests.fabric.conftest import NOW, run_service, say, until


class Heard:
    """Remembers committed-order calls; fails for the names it is told to."""

    def __init__(self) -> None:
        self.hears = Hears("evaluation")
        self.seen: list[str] = []
        self.fails: set[str] = set()
        self.settled: list[str] = []
        self.hears.settle = self.settle
        self.hears(self.on_session_ended)

    async def on_session_ended(self, event: SessionEnded, session: object, meta: Meta) -> set[str]:
        if event.session in self.fails:
            raise ValueError(f"{event.session} cannot be applied")
        self.seen.append(event.session)
        return {event.officer}

    async def settle(self, session: object, touched: Sequence[Touched]) -> None:
        self.settled += [one.key for one in touched]


async def test_an_event_recorded_in_one_service_is_applied_once_in_another(fabric_settings):
    heard = Heard()
    async with run_service(fabric_settings, Hears("registration")) as teller, run_service(fabric_settings, heard.hears) as hearer:
        await say(teller, *(f"s{n}" for n in range(500)))
        await until(lambda: len(heard.seen) == 500)
        await until(lambda: _is(waiting(teller.database), 0))
        await until(lambda: _is_empty(hearer))  # applied and committed, for it is acknowledged
        assert sorted(heard.seen) == sorted(f"s{n}" for n in range(500))
        async with hearer.database.read() as session:
            assert await session.scalar(select(func.count()).select_from(inbox)) == 500
        assert len(heard.settled) < 500, "a key is settled once per batch, not once per event"


async def test_a_duplicate_on_the_stream_has_no_second_effect(fabric_settings):
    heard = Heard()
    async with run_service(fabric_settings, Hears("registration")) as teller, run_service(fabric_settings, heard.hears) as hearer:
        await say(teller, "once")
        await until(lambda: heard.seen == ["once"])
        message = await teller.jetstream.get_msg("REGISTRATION", seq=1)
        headers = {k: v for k, v in message.headers.items() if k != "Nats-Msg-Id"}
        await teller.jetstream.publish(message.subject, message.data, headers=headers)
        await say(teller, "next")
        await until(lambda: "next" in heard.seen)
        assert heard.seen == ["once", "next"]
        await until(lambda: _is_empty(hearer))


async def test_a_poison_event_does_not_hold_its_neighbours_and_can_be_replayed(fabric_settings, monkeypatch):
    monkeypatch.setattr("shared.inbox.NAK_SECONDS", (0.05,))
    monkeypatch.setattr("shared.inbox.MAX_DELIVER", 3)
    heard = Heard()
    heard.fails = {"bad"}
    async with run_service(fabric_settings, Hears("registration")) as teller, run_service(fabric_settings, heard.hears) as hearer:
        await say(teller, "a", "bad", "b")
        await until(lambda: {"a", "b"} <= set(heard.seen))
        await until(lambda: _dead(hearer, 1))
        async with hearer.database.read() as session:
            letter = (await deadletters.listed(session))[0]
        assert "cannot be applied" in letter.reason
        assert letter.attempts == 3
        with pytest.raises(ValueError, match="cannot be applied"):
            await deadletters.replay(hearer.database, hearer.inbox, letter.id)
        heard.fails = set()
        await deadletters.replay(hearer.database, hearer.inbox, letter.id)
        await deadletters.replay(hearer.database, hearer.inbox, letter.id)
        assert heard.seen.count("bad") == 1
        await until(lambda: _dead(hearer, 0))


async def test_what_waits_behind_a_long_batch_is_not_delivered_again(fabric_settings, monkeypatch):
    """A new version of a campaign, or a database that is away, holds a batch longer than the broker waits for an answer."""
    monkeypatch.setattr(streams, "ACK_WAIT_SECONDS", 1.0)
    monkeypatch.setattr("shared.broker.KEEP_SECONDS", 0.2)
    deliveries: list[int] = []
    kept: Counter[str] = Counter()
    over, hears = asyncio.Event(), Hears("evaluation")

    @hears
    async def on_session_ended(event: SessionEnded, session: object, meta: Meta) -> None:
        deliveries.append(meta.delivered)
        await over.wait()

    async def heard(message: Msg) -> None:
        if message.data == b"+WPI":
            kept[message.subject.split(".")[-4]] += 1

    async with run_service(fabric_settings, Hears("registration")) as teller, run_service(fabric_settings, hears) as hearer:
        observer = await nats.connect(fabric_settings.nats_url)
        await observer.subscribe("$JS.ACK.REGISTRATION.evaluation.>", cb=heard)
        await observer.flush()
        await say(teller, "long")
        await until(lambda: deliveries)
        await say(teller, "behind")
        await until(lambda: len(kept) == 2 and min(kept.values()) > 8)  # longer than the broker waits
        over.set()
        await until(lambda: _is_empty(hearer))
        await observer.close()
    assert deliveries == [1, 1]


async def test_an_event_that_went_often_to_processes_that_died_is_not_lost(fabric_settings):
    """The broker counts each time, and one that it has given up on comes to nobody and is no dead letter either."""
    heard = Heard()
    async with run_service(fabric_settings, Hears("registration")) as teller:
        await streams.provision(teller.jetstream, [], streams.durables([heard.hears], []))
        await say(teller, "once")
        dying = await teller.jetstream.pull_subscribe_bind("evaluation", "REGISTRATION")
        for _ in range(3 * MAX_DELIVER):
            [message] = await dying.fetch(1, timeout=60)
            await message.nak()  # so that it comes again at once, as it else does when the time to answer is over
        async with run_service(fabric_settings, heard.hears) as hearer:
            await until(lambda: heard.seen == ["once"])
            await until(lambda: _is_empty(hearer))


async def test_a_poison_event_is_set_aside_and_the_others_stay_together(fabric_settings, monkeypatch):
    monkeypatch.setattr("shared.inbox.NAK_SECONDS", (30,))
    heard = Heard()
    heard.fails = {"s50"}
    transactions: list[int] = []
    apply = Inbox._apply

    async def counted(self, batch, **how):
        transactions.append(len(batch))
        return await apply(self, batch, **how)

    monkeypatch.setattr(Inbox, "_apply", counted)
    async with run_service(fabric_settings, Hears("registration")) as teller:
        await say(teller, *(f"s{n}" for n in range(100)))
        await until(lambda: _is(waiting(teller.database), 0))
        async with run_service(fabric_settings, heard.hears) as hearer:
            await until(lambda: _applied(hearer, 99))
    assert sum(transactions) == 100, "none is applied again because of it"
    assert len(transactions) < 10, "the others are not applied one by one"


async def test_what_was_sent_to_a_lost_stream_is_published_again(fabric_settings, monkeypatch):
    monkeypatch.setattr("shared.outbox.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("shared.outbox.CLOCKS_APART", timedelta(0))
    monkeypatch.setattr("shared.service.HEAL_SECONDS", 0.1)
    heard, seen, restore = Heard(), asyncio.Event(), streams.restore

    async def later(*lost: Any) -> list[str]:
        await seen.wait()
        return await restore(*lost)

    monkeypatch.setattr(streams, "restore", later)
    async with run_service(fabric_settings, Hears("registration")) as teller, run_service(fabric_settings, heard.hears) as hearer:
        await say(teller, *(f"s{n}" for n in range(20)))
        await until(lambda: len(heard.seen) == 20)
        await teller.jetstream.delete_stream("REGISTRATION")
        while "REGISTRATION: NotFoundError" not in await teller.ready():
            await asyncio.sleep(0.01)
        seen.set()
        await say(teller, "after")
        await until(lambda: "after" in heard.seen)
        await until(lambda: _is(_stored(teller), 21))  # what is new may come into the new stream before it is known to be one
        await until(lambda: _is_empty(hearer))
    assert sorted(heard.seen) == sorted([*(f"s{n}" for n in range(20)), "after"])


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({}, b"{}", "'id'"),
        ({"Status": "404", "Description": "as the broker says that there is none"}, b"", "'id'"),
        ({"ce-id": "1", "ce-source": "/x", "ce-type": "registration.session.ended.v9", "ce-time": "2023-10-30T00:00:00Z"}, b"{}", "v9"),
        ({"ce-id": "1", "ce-source": "/x", "ce-type": "registration.session.ended.v1", "ce-time": "2023-10-30T00:00:00Z"}, b"{}", "session"),
        ({"ce-id": "1", "ce-source": "/x", "ce-type": "registration.session.ended.v1", "ce-time": "2023-10-30T00:00:00Z"}, b"\xff{", ""),
        ({"ce-id": "1", "ce-source": "/x", "ce-type": "registration.session.ended.v1", "ce-time": "later"}, b"{}", "later"),
    ],
)
async def test_an_unreadable_message_becomes_a_dead_letter_and_its_neighbours_are_applied(fabric_settings, headers, body, reason, monkeypatch):
    monkeypatch.setattr("shared.inbox.NAK_SECONDS", (0.05,))  # a newer program might know what this one does not: it is waited for
    heard = Heard()
    async with run_service(fabric_settings, Hears("registration")) as teller, run_service(fabric_settings, heard.hears) as hearer:
        await teller.jetstream.publish("registration.session.ended.v1", body, headers=headers or None)
        await say(teller, "good")
        await until(lambda: heard.seen == ["good"])
        await until(lambda: _dead(hearer, 1))
        async with hearer.database.read() as session:
            assert reason in (await deadletters.listed(session))[0].reason
        await until(lambda: _is_empty(hearer))


@pytest.mark.parametrize("kind", ["unreadable", "always failing"])
async def test_a_message_whose_end_is_lost_after_its_letter_was_kept_has_one_letter(kind, fabric_settings, monkeypatch):
    """As when the process dies between the letter's commit and the word to the broker, which delivers the message again."""
    monkeypatch.setattr(streams, "ACK_WAIT_SECONDS", 0.5)
    monkeypatch.setattr("shared.inbox.MAX_DELIVER", 1)
    end, ended, heard = Msg.term, [], Heard()
    heard.fails = {"bad"}

    async def lose_the_first(message: Msg) -> None:
        ended.append(message)
        if len(ended) > 1:
            await end(message)

    monkeypatch.setattr(Msg, "term", lose_the_first)
    async with run_service(fabric_settings, Hears("registration")) as teller, run_service(fabric_settings, heard.hears) as hearer:
        if kind == "unreadable":
            await teller.jetstream.publish("registration.session.ended.v1", b"{}")
        else:
            await say(teller, "bad")
        await until(lambda: len(ended) >= 2)
        await until(lambda: _is_empty(hearer))
        async with hearer.database.read() as session:
            assert [letter.attempts for letter in await deadletters.listed(session)] == [1]


async def test_what_no_database_can_store_becomes_a_dead_letter_too(fabric_settings):
    """A NUL in a header, or bytes that are no text: the letter is kept with a substitute, or the message would come again until it is lost."""
    heard = Heard()
    async with run_service(fabric_settings, heard.hears) as hearer:
        for odd in ("a\0b", "a\udcffb"):
            async with hearer.database.write() as session:
                message = Msg(_client=None, subject="registration.session.ended.v1", data=b"\0", headers={"ce-id": odd, "ce-type": odd})
                await deadletters.keep(session, message, f"ValueError: {odd}", 1)
        async with hearer.database.read() as session:
            assert {letter.event for letter in await deadletters.listed(session)} == {"a?b"}


async def test_the_road_goes_on_by_itself_after_the_broker_restarts(fabric_settings, broker):
    heard = Heard()
    async with run_service(fabric_settings, Hears("registration")) as teller, run_service(fabric_settings, heard.hears) as hearer:
        await say(teller, "before")
        await until(lambda: "before" in heard.seen)
        await broker.stop(signal.SIGKILL)
        await say(teller, "during")
        await broker.start()
        await say(teller, "after")
        await until(lambda: {"during", "after"} <= set(heard.seen))
        assert sorted(heard.seen) == ["after", "before", "during"]
        await until(lambda: _is_empty(hearer))


async def test_single_events_at_a_steady_pace_are_never_stranded(fabric_settings, monkeypatch):
    """One that the pull loop strands comes only when the broker delivers it again: here, never."""
    monkeypatch.setattr(streams, "ACK_WAIT_SECONDS", 3600.0)
    heard = Heard()
    async with run_service(fabric_settings, Hears("registration")) as teller, run_service(fabric_settings, heard.hears):
        for n in range(100):
            await say(teller, f"p{n}")
            await until(lambda n=n: len(heard.seen) > n)


async def test_provisioning_twice_changes_nothing_and_a_changed_setting_is_updated(fabric_settings):
    connection = await nats.connect(fabric_settings.nats_url)
    hears = Heard().hears
    places, configs = streams.durables([hears], ["kho-bac"]), streams.stream_configs(["kho-bac"], 1)
    assert len(await streams.provision(connection.jetstream(), configs, places)) == len(configs) + len(places)
    assert await streams.provision(connection.jetstream(), configs, places) == []
    configs[-1].max_msgs = 5
    assert await streams.provision(connection.jetstream(), configs, places) == ["stream INBOUND_kho-bac: updated"]
    await connection.close()


async def test_a_type_that_is_heard_anew_is_heard_from_its_first_event(fabric_settings):
    """A durable whose filter is widened goes on from where it is: what it has passed would never come. So it is made anew there."""
    old, new = Heard(), Heard()

    @new.hears
    async def on_officer_disabled(event: OfficerDisabled, session: object, meta: Meta) -> None:
        new.seen.append(event.officer)

    async with run_service(fabric_settings, Hears("registration")) as teller:
        async with run_service(fabric_settings, old.hears) as hearer:
            await say(teller, "before")
            await until(lambda: "before" in old.seen)
            async with teller.database.write() as session:
                await record(session, OfficerDisabled(officer="o", revision=1), NOW)
            await say(teller, "after")
            await until(lambda: "after" in old.seen)
            await until(lambda: _is_empty(hearer))
        places = streams.durables([new.hears], [])
        told = await streams.provision(teller.jetstream, [], places)
        assert told == ["durable REGISTRATION/evaluation: made anew from event 2, for what it had not heard"]
        assert await streams.provision(teller.jetstream, [], places) == []
        async with run_service(fabric_settings, new.hears) as hearer:
            await until(lambda: "o" in new.seen)
            await until(lambda: _is_empty(hearer))
    assert new.seen == ["o"], "what was applied before has no second effect"


async def test_a_deleted_durable_turns_the_service_not_ready(fabric_settings, monkeypatch):
    monkeypatch.setattr("shared.service.HEAL_SECONDS", 3600.0)
    heard = Heard()
    async with run_service(fabric_settings, heard.hears) as hearer:
        await until(lambda: _says(hearer, []))
        await hearer.jetstream.delete_consumer("REGISTRATION", "evaluation")
        await until(lambda: _says(hearer, ["REGISTRATION: NotFoundError"]))


async def test_a_service_without_its_durables_still_takes_requests(fabric_settings, monkeypatch):
    monkeypatch.setattr("shared.service.HEAL_SECONDS", 3600.0)
    async with run_service(fabric_settings, Hears("registration")) as teller:
        await teller.jetstream.delete_stream("REGISTRATION")
        assert await teller.ready() == ["REGISTRATION: NotFoundError"]
        assert await teller.ready(broker=False) == []


async def test_a_database_that_takes_the_connection_and_says_nothing_is_told_before_whoever_asks_has_gone():
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"postgresql://x@127.0.0.1:{hanging.getsockname()[1]}/x"
        service = Service("reporting", configuration.load({}, database_url=url, nats_url="nats://127.0.0.1:1"), Hears("reporting"))
        async with asyncio.timeout(20):  # before: a minute
            assert await service.ready(broker=False) == ["database: TimeoutError"]
        await service.database.close()


async def test_a_stream_that_answers_and_stores_nothing_turns_the_service_not_ready(fabric_settings, monkeypatch):
    """As after a full disk: a broker keeps its write error, with space or without, and only publishing tells."""
    monkeypatch.setattr("shared.outbox.RETRY_SECONDS", (0.1,))
    async with run_service(fabric_settings, Hears("registration")) as teller:
        config = (await teller.jetstream.stream_info("REGISTRATION")).config
        await teller.jetstream.update_stream(config.evolve(max_msgs=1, discard=DiscardPolicy.NEW))
        await say(teller, "stored", "refused")
        await until(lambda: _says(teller, ["outbox: ServiceUnavailableError"]))
        await teller.jetstream.update_stream(config)
        await until(lambda: _says(teller, []))
        await until(lambda: _is(waiting(teller.database), 0))


async def _says(service, faults):
    return await service.ready() == faults


async def test_a_rolled_back_transaction_says_nothing(fabric_settings):
    async with run_service(fabric_settings, Hears("registration")) as teller:
        with pytest.raises(RuntimeError):
            async with teller.database.write() as session:
                await record(session, SessionEnded(session="ghost", officer="x"), NOW)
                raise RuntimeError
        async with teller.database.read() as session:
            assert await session.scalar(select(func.count()).select_from(outbox)) == 0


async def test_an_event_that_no_broker_takes_is_refused_before_it_holds_the_others(fabric_settings):
    async with run_service(fabric_settings, Hears("registration")) as teller:
        with pytest.raises(ValueError, match="too many for a message"):
            await say(teller, "đ" * (LARGEST // 2))
        await say(teller, "x" * (LARGEST - 1000))
        await until(lambda: _is(waiting(teller.database), 0))
        assert (await teller.jetstream.stream_info("REGISTRATION")).state.messages == 1


async def _stored(service):
    try:
        return (await service.jetstream.stream_info("REGISTRATION")).state.messages
    except NotFoundError:
        return 0


async def _is(found, wanted):
    return await found == wanted


async def _is_empty(service):
    return not any((await service.lag()).values())


async def _dead(service, wanted):
    async with service.database.read() as session:
        return await deadletters.count(session) == wanted


async def _applied(service, number: int) -> bool:
    async with service.database.read() as session:
        return await session.scalar(select(func.count()).select_from(inbox)) == number
