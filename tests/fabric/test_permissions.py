"""The broker's accounts, generated from contracts and partners' keys, on a real server: every cell is allowed or refused as declared."""

import asyncio
import json
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.errors import Error, NoServersError
from nats.js.errors import NotFoundError
from psutil import Process

from services import local, partner_commands
from services.registration import campaigns, partner_keys
from services.registration.partner_keys import Terms
from shared import broker, broker_keys, gates, permissions, security, streams
from shared import settings as configuration
from shared.broker import open_once
from shared.events import REGISTRY, Audience
from shared.events.clock import MinuteTicked
from shared.events.registration import UnitChanged
from shared.events.reporting import EventRejected, IndicatorObserved
from shared.messages import Refused
from shared.migrations import migrate
from shared.permissions import PARTNER_API
from shared.service import Service
from shared.settings import SERVICES
from tests.fabric.house import CLIENTS, HEARS, House, opened
from tests.registration.conftest import REGISTERING, small

STREAMS = [*(service.upper() for service in SERVICES), "CLOCK", *(streams.stream_of_client(client) for client in CLIENTS)]
API = "$JS.API"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as made:
        yield made


def subjects() -> list[str]:
    """Every event's subject, of each client where it has one, and what lies beside them."""
    found = []
    for kind, contract in sorted(REGISTRY.items()):
        if kind.startswith("inbound."):
            found += [f"inbound.{client}.{kind.removeprefix('inbound.')}" for client in CLIENTS]
            found += [f"inbound.{client}.sandbox.{kind.removeprefix('inbound.')}" for client in CLIENTS]
        elif contract.ADDRESSED:
            found += [f"{kind}.{client}" for client in CLIENTS]
        else:
            found.append(kind)
    return [*found, "inbound.nobody.x", "nowhere", "$SYS.REQ.SERVER.PING"]


def places() -> list[tuple[str, str]]:
    return [(place.stream, place.service) for place in (*streams.durables(HEARS, CLIENTS), *streams.partner_durables(CLIENTS))]


def api() -> list[str]:
    """What may be asked of JetStream that could do harm or tell secrets, and the places in each stream."""
    verbs = ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.GET", "MSG.DELETE", "SNAPSHOT", "RESTORE")
    found = [f"{API}.STREAM.{verb}.{stream}" for verb in verbs for stream in STREAMS]
    found += [f"{API}.DIRECT.GET.{stream}" for stream in STREAMS] + [f"{API}.CONSUMER.CREATE.{stream}.spy" for stream in STREAMS]
    found += [f"{API}.INFO", f"{API}.STREAM.NAMES", f"{API}.SERVER.REMOVE", f"{API}.STREAM.CREATE.MINE"]
    for stream, durable in places():
        found += [f"{prefix}.CONSUMER.{verb}.{stream}.{durable}" for prefix in (API, PARTNER_API) for verb in ("MSG.NEXT", "INFO")]
        found += [f"{API}.CONSUMER.DELETE.{stream}.{durable}", f"$JS.ACK.{stream}.{durable}.1.1.1.1.1"]
    return found


def may_publish(user: str, subject: str) -> bool:
    """What the contracts say, told apart from the generator."""
    if user == "operator":
        return not subject.startswith("$SYS")  # it may, in its account, where nobody listens to it
    owner, _, rest = subject.partition(".")
    if user in CLIENTS:
        return owner == "inbound" and rest.startswith(f"{user}.")
    if owner == "inbound":
        return user == "reporting" and rest.split(".")[0] in CLIENTS
    return owner == user or subject == MinuteTicked.TYPE


def may_ask(user: str, subject: str) -> bool:
    """A place is its holder's; streams are made again by their owner; all else is the operator's."""
    if user == "operator":
        return True
    place = next(((s, d) for s, d in places() if f".{s}.{d}" in subject), None)
    if place:
        mine = place[1] == (f"partner-{user}" if user in CLIENTS else user)
        prefix = PARTNER_API if user in CLIENTS else API
        return mine and "DELETE" not in subject and subject.startswith((prefix, "$JS.ACK."))
    verb, _, stream = subject.removeprefix(f"{API}.").rpartition(".")
    own = {user.upper(), "CLOCK", *([s for s in STREAMS if s.startswith("INBOUND_")] if user == "reporting" else [])}
    if user == "evaluation" and verb == "CONSUMER.CREATE.EVALUATION":  # open pages hear its own stream live
        return True
    if user == "reporting" and verb == "STREAM.PURGE":  # what it has decided leaves a partner's stream
        return stream.startswith("INBOUND_")
    return user in SERVICES and verb == "STREAM.CREATE" and stream in own


def may_hear(user: str, subject: str) -> bool:
    if user == "operator":
        return True
    if user in SERVICES:
        return False  # what they hear comes through their durables
    contract = next((c for kind, c in REGISTRY.items() if subject == (f"{kind}.{user}" if c.ADDRESSED else kind)), None)
    return contract is not None and contract.AUDIENCE is not Audience.INTERNAL and not subject.startswith("inbound.")


def inboxes() -> Iterator[str]:
    yield "_INBOX.>"
    yield from (f"_INBOX_{service}.>" for service in SERVICES)


def may_have_inbox(user: str, subject: str) -> bool:
    return user == "operator" or subject == (f"_INBOX_{user}.>" if user in SERVICES else "_INBOX.>")


async def all_told(connection: Client, complaints: list[str]) -> None:
    """The server has answered, and what it complained of has been handed on."""
    count = -1
    while count != len(complaints):
        count = len(complaints)
        await connection.flush()
        await asyncio.sleep(0.05)


EVERYBODY = ("operator", *SERVICES, *CLIENTS)


async def test_everybody_may_publish_and_ask_what_is_declared_and_nothing_else(house: House) -> None:
    for user in EVERYBODY:
        cells = {subject: may_publish(user, subject) for subject in subjects() if not (user == "operator" and subject.startswith("$SYS"))}
        cells |= {subject: may_ask(user, subject) for subject in api() if user != "operator"}  # which may do all of it, and would
        complaints: list[str] = []
        async with house.connected(user, complaints) as connection:
            for subject in cells:
                await connection.publish(subject, b"")
            await all_told(connection, complaints)
        refused = {subject for subject in cells if any(f'publish to "{subject.lower()}"' in complaint for complaint in complaints)}
        assert refused == {subject for subject, allowed in cells.items() if not allowed}, user
        assert user == "operator" or 3 < len(cells) - len(refused) < len(cells)


@pytest.mark.parametrize("queue", ["", "q"])
async def test_everybody_may_subscribe_to_what_is_declared_and_nothing_else(house: House, queue: str) -> None:
    wide = ("registration.>", "reporting.*.*.v1", "inbound.>", ">", "$JS.>", "*.*", f"{EventRejected.TYPE}.*", "evaluation.>")
    for user in EVERYBODY:
        cells = {subject: may_hear(user, subject) for subject in subjects() if not (user == "operator" and subject.startswith("$SYS"))}
        cells |= {subject: may_have_inbox(user, subject) for subject in inboxes()}
        cells |= dict.fromkeys(wide, user == "operator")
        complaints: list[str] = []
        async with house.connected(user, complaints) as connection:
            for subject in cells:
                await connection.subscribe(subject, queue=queue)
            await all_told(connection, complaints)
        refused = {subject for subject in cells if any(f'subscription to "{subject.lower()}"' in complaint for complaint in complaints)}
        assert refused == {subject for subject, allowed in cells.items() if not allowed}, user


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_has_all_the_permissions_that_it_needs(house: House, tmp_path: Path, service: str, caplog) -> None:
    given = configuration.load({}, data=tmp_path / "data", nats_url=house.url, nats_seed=house.seeds[service], clock="simulated")
    app = import_module(f"services.{service}.app").create_app(given)
    running: Service = app.state.service
    await migrate(running.database)
    connection = await open_once(given, service)
    await gates.provisioned(connection, [running.hears], 1)
    await connection.close()
    await running.start()
    try:

        async def ready() -> bool:
            return await running.ready() == []

        await until(ready)
        assert set((await running.lag()).values()) == {0}
    finally:
        await running.stop()
    assert "ermission" not in caplog.text


async def test_a_partner_publishes_with_an_acknowledgement_and_reads_its_own_place(house: House) -> None:
    async with house.connected("operator") as operator, house.connected("kho-bac") as partner:
        ack = await partner.jetstream().publish("inbound.kho-bac.indicator.observed.v1", b"{}")
        assert (ack.stream, ack.seq) == ("INBOUND_kho-bac", 1)
        jetstream = operator.jetstream()
        for subject in (UnitChanged.TYPE, f"{EventRejected.TYPE}.kho-bac", f"{EventRejected.TYPE}.thong-ke"):
            await jetstream.publish(subject, subject.encode())
        theirs = partner.jetstream(domain="thidua")
        for stream, wanted in (("REGISTRATION", UnitChanged.TYPE), ("REPORTING", f"{EventRejected.TYPE}.kho-bac")):
            place = await theirs.pull_subscribe_bind("partner-kho-bac", stream)
            assert (await place.consumer_info()).num_pending == 1
            [message] = await place.fetch(1, timeout=60)
            assert message.data.decode() == wanted
            await message.ack_sync()
            assert (await jetstream.consumer_info(stream, "partner-kho-bac")).num_ack_pending == 0


async def test_what_is_meant_for_one_partner_reaches_no_other_live_either(house: House) -> None:
    async with house.connected("reporting") as reporting, house.connected("kho-bac") as one, house.connected("thong-ke") as other:
        heard: list[str] = []

        async def hear(message) -> None:
            heard.append(message.subject)

        await one.subscribe(f"{EventRejected.TYPE}.kho-bac", cb=hear)
        await other.subscribe(f"{EventRejected.TYPE}.thong-ke", cb=hear)
        await one.flush()
        await other.flush()
        await reporting.publish(f"{EventRejected.TYPE}.kho-bac", b"{}")
        await reporting.flush()
        async with asyncio.timeout(60):
            while not heard:
                await asyncio.sleep(0.01)
        await other.flush()
        assert heard == [f"{EventRejected.TYPE}.kho-bac"]


async def test_nobody_reads_the_answers_that_another_waits_for(house: House) -> None:
    async with house.connected("thong-ke") as spy, house.connected("kho-bac") as partner:
        seen: list[str] = []

        async def see(message) -> None:
            seen.append(message.subject)

        await spy.subscribe("_INBOX.>", cb=see)
        await spy.flush()
        await partner.jetstream().publish("inbound.kho-bac.x", b"{}")
        await spy.flush()
        assert seen == []


async def test_a_rotation_overlaps_and_a_revocation_ends_the_connection_of_that_partner_alone(house: House) -> None:
    old = house.seeds["kho-bac"]
    new = house.issue("kho-bac")
    await house.reload()
    async with (
        house.connected("kho-bac", seed=old) as first, house.connected("kho-bac", seed=new) as second,
        house.connected("thong-ke") as neighbour, house.connected("reporting") as reporting,
    ):  # fmt: skip
        for connection in (first, second):
            assert (await connection.jetstream().publish("inbound.kho-bac.x", b"{}")).stream == "INBOUND_kho-bac"
        house.partners["kho-bac"] = []
        await house.reload()
        async with asyncio.timeout(60):
            while first.is_connected or second.is_connected:
                await asyncio.sleep(0.01)
        assert (await neighbour.jetstream().publish("inbound.thong-ke.x", b"{}")).stream == "INBOUND_thong-ke"
        assert reporting.is_connected
        assert (await reporting.jetstream().stream_info("INBOUND_kho-bac")).state.messages == 2


async def test_the_command_puts_keys_in_force_on_a_running_broker_and_takes_them_out_again(house: House, tmp_path: Path, capsys) -> None:
    given = configuration.load({}, data=tmp_path / "data", nats_url=house.url)
    async with local.database_of(given, "registration") as database:
        await migrate(database)
        async with database.write() as session:
            await campaigns.save(session, small(), REGISTERING)
    asked = Namespace(client="kho-bac", overlap=0.0, keys=house.folder / "keys", to=house.folder / "accounts.conf", reload=True, watch=False)
    await partner_commands.rotate(asked, given)
    seed = json.loads(capsys.readouterr().out)["nkey_seed"]
    with pytest.raises((NoServersError, Error)):
        async with house.connected("kho-bac", seed=seed):
            pass
    assert await partner_commands.export(asked, given) == 0
    async with house.connected("kho-bac", seed=seed) as partner, house.connected("reporting") as reporting:
        assert (await partner.jetstream().publish("inbound.kho-bac.x", b"{}")).seq == 1
        await partner_commands.revoke(asked, given)
        await partner_commands.export(asked, given)
        async with asyncio.timeout(60):
            while partner.is_connected:
                await asyncio.sleep(0.01)
        assert reporting.is_connected


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.02)


async def comes_in(house: House, seed: str) -> bool:
    try:
        async with asyncio.timeout(5), house.connected("kho-bac", seed=seed) as partner:
            return (await partner.jetstream().publish("inbound.kho-bac.x", b"{}")).stream == "INBOUND_kho-bac"
    except (NoServersError, Error, OSError, TimeoutError):  # not let in, or cut off by the broker in the middle of its answer
        return False


async def test_a_watch_lets_in_and_shuts_out_by_the_table_alone_and_makes_and_removes_places(house: House, tmp_path: Path) -> None:
    accounts = house.folder / "accounts.conf"
    given = configuration.load({}, data=tmp_path / "data", nats_url=house.url, broker_keys=house.folder / "keys", broker_accounts=accounts)
    async with local.database_of(given, "registration") as database, house.connected("operator") as operator:
        jetstream = operator.jetstream()
        await jetstream.delete_stream("INBOUND_kho-bac")
        await jetstream.delete_consumer("REPORTING", "partner-kho-bac")

        async def place() -> bool | None:
            """Whether the partner has its place to listen; None while the broker reads its configuration and does not say."""
            try:
                return bool(await jetstream.consumer_info("REPORTING", "partner-kho-bac"))
            except NotFoundError:
                return False
            except Error:
                return None

        async def is_there() -> bool:
            return await place() is True

        async def is_gone() -> bool:
            return await place() is False

        asked = Namespace(keys=None, to=None, watch=True, reload=False, metrics=None)
        watching = asyncio.create_task(partner_commands.export(asked, given))  # the table is not there yet: it waits
        try:
            await migrate(database)
            async with database.write() as session:
                await campaigns.save(session, small(), REGISTERING)
            await until(is_there)
            async with database.write() as session:
                made = await partner_keys.admit(session, local.COMMAND_LINE, "kho-bac", Terms(), security.wall_now())
            await until(lambda: comes_in(house, made.nkey_seed))
            async with house.connected("kho-bac", seed=made.nkey_seed) as partner, house.connected("reporting") as reporting:
                accounts.write_text("# somebody's slip\n")
                await until(lambda: asyncio.to_thread(lambda: made.nkey in accounts.read_text()))
                async with database.write() as session:
                    await partner_keys.revoke(session, local.COMMAND_LINE, "kho-bac", security.wall_now())
                async with asyncio.timeout(60):
                    while partner.is_connected:
                        await asyncio.sleep(0.02)
                assert reporting.is_connected
            await until(is_gone)
            assert (await jetstream.stream_info("INBOUND_kho-bac")).state.messages > 0  # what it sent before is still decided
            async with database.write() as session:
                again = await partner_keys.admit(session, local.COMMAND_LINE, "kho-bac", None, security.wall_now())
            await until(lambda: comes_in(house, again.nkey_seed))
            await until(is_there)
        finally:
            while not watching.done():
                watching.cancel()  # again, if need be: nats-py loses a cancellation that meets its flush, and what it loses is no end
                await asyncio.wait([watching], timeout=1)


async def test_without_a_key_or_with_a_strange_or_a_revoked_one_nobody_comes_in(house: House) -> None:
    revoked = house.seeds["kho-bac"]
    house.issue("kho-bac", instead=True)
    await house.reload()
    for options in ({}, {"nkeys_seed_str": broker_keys.new_seed()[0]}, {"nkeys_seed_str": revoked}, {"user": "operator", "password": "x"}):
        with pytest.raises((NoServersError, Error)):
            await broker.connected(house.url, allow_reconnect=False, max_reconnect_attempts=1, connect_timeout=20, error_cb=_quiet, **options)


async def _quiet(_: Exception) -> None: ...


async def test_who_is_not_let_in_leaves_no_socket_open(house: House, tmp_path: Path) -> None:
    """A command waits a minute for a broker that does not know it yet, and the part that keeps the partners' file for ever."""
    given = configuration.load({}, data=tmp_path / "data", nats_url=house.url, nats_seed=broker_keys.new_seed()[0])
    before = Process().num_fds()
    for _ in range(5):
        with pytest.raises(Refused, match="Authorization Violation"):
            await open_once(given)
    await asyncio.sleep(0)  # it is closed in the loop's next round
    assert Process().num_fds() == before


def test_the_include_file_holds_no_secret_and_the_same_partners_make_the_same_file(tmp_path: Path) -> None:
    broker_keys.make(tmp_path, permissions.USERS)
    assert broker_keys.make(tmp_path, permissions.USERS) == []
    own = broker_keys.public_keys(tmp_path, permissions.USERS)
    text = permissions.render(permissions.accounts(HEARS, own, {"kho-bac": ["UKEY"]}))
    assert text == permissions.render(permissions.accounts(HEARS, own, {"kho-bac": ["UKEY"]}))
    assert not any(broker_keys.seed_of(tmp_path, user) in text for user in permissions.USERS)
    assert all((tmp_path / f"{user}.seed").stat().st_mode & 0o077 == 0 for user in permissions.USERS)
    assert IndicatorObserved.TYPE not in text
    assert permissions.holders(text) == {user: {own[user]} for user in permissions.USERS} | {"kho-bac": {"UKEY"}}
    assert permissions.partners_in(text) == {"kho-bac": {"UKEY"}}
