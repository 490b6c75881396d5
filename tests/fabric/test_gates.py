"""A service starts only on a broker that keeps what it acknowledges and holds what was declared; otherwise one sentence says the cure."""

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import sys
from asyncio.subprocess import PIPE

import httpx
import nats
import pytest
from nats.errors import NoServersError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, PersistMode, StorageType, StreamConfig
from nats.js.errors import APIError

from services import local
from shared import broker, gates, streams
from shared import settings as configuration
from shared.bundled import free_port
from shared.messages import Refused
from tests.fabric.servers import answering, nats_cluster, nats_server, server_that_says

HEARS = [local.hears_of("reporting")]
CLIENT = "kho-bac"


@pytest.fixture
async def server(tmp_path):
    async with nats_server(tmp_path / "nats") as address:
        yield address


@pytest.fixture
async def jetstream(server):
    """The JetStream of a server on which everything was provisioned."""
    connection = await nats.connect(server.nats)
    await provision(connection.jetstream())
    yield connection.jetstream()
    await connection.close()


async def provision(jetstream, replicas=1):
    await streams.provision(jetstream, streams.stream_configs([CLIENT], replicas), streams.durables(HEARS, [CLIENT]))


def settings(nats_url="", monitors=(), **more):
    return configuration.load({}, nats_url=nats_url, nats_monitor_url=",".join(monitors), **more)


async def refusal(given, patience=0.0):
    with pytest.raises(Refused) as caught:
        await gates.check(given, HEARS, patience)
    [fault] = caught.value.faults
    assert fault.render("en") != fault.render("vi")
    return fault.render("en")


async def test_a_right_server_passes(server, jetstream):
    await gates.check(settings(server.nats, [server.monitor]), HEARS)
    await gates.check(settings(server.nats, [f" {server.monitor}/ ", ""]), HEARS)


async def test_a_broker_that_is_not_named_or_cannot_be_verified_is_refused(server, jetstream):
    assert "THIDUA_NATS_URL is empty" in await refusal(settings())
    assert "cannot be verified" in await refusal(settings(server.nats))


@pytest.mark.parametrize("version", ["2.14.2", "2.9.25", "1.99.99", "2.14.3-RC.1", "unknown"])
async def test_an_old_server_is_refused(version):
    async with server_that_says(version) as url:
        assert f"is version {version}" in await refusal(settings(url, ["http://127.0.0.1:1"]))


@pytest.mark.parametrize("version", ["2.14.3", "2.14.10", "2.15.0-preview.2", "3.0.0"])
def test_a_new_one_is_not(version):
    gates.recent("n1", version)


@pytest.mark.parametrize("sync", ["", "sync_interval: 2m", 'sync_interval: "1ms"'])
async def test_a_server_that_acknowledges_before_it_writes_is_refused(tmp_path, sync):
    async with nats_server(tmp_path, sync=sync) as server:
        connection = await nats.connect(server.nats)
        await provision(connection.jetstream())
        await connection.close()
        assert "n1 acknowledges before it has written" in await refusal(settings(server.nats, [server.monitor]))


async def test_the_setting_in_force_counts_and_not_the_file(tmp_path):
    async with nats_server(tmp_path, sync="") as server:
        file = tmp_path / "nats.conf"
        file.write_text(file.read_text().replace("jetstream {", "jetstream { sync_interval: always\n"))
        assert "n1 acknowledges before it has written" in await refusal(settings(server.nats, [server.monitor]))


async def test_another_broker_s_monitor_proves_nothing(tmp_path, server, jetstream):
    async with nats_server(tmp_path / "other") as other:
        assert "0 of 1 servers" in await refusal(settings(server.nats, [other.monitor]))


async def test_a_monitor_that_does_not_answer_is_refused_by_its_address(server, jetstream):
    assert "at http://127.0.0.1:1 cannot be read" in await refusal(settings(server.nats, ["http://127.0.0.1:1"]))


async def test_a_page_that_is_no_monitor_is_refused(server, jetstream):
    assert "cannot be read" in await refusal(settings(server.nats, [f"{server.monitor}/connz"]))


async def test_a_server_without_jetstream_is_refused(tmp_path):
    async with nats_server(tmp_path, jetstream=False) as server:
        assert "enable jetstream" in await refusal(settings(server.nats, [server.monitor]))


async def test_a_missing_stream_is_refused(server, jetstream):
    await jetstream.delete_stream("NOTIFICATION")
    assert "stream NOTIFICATION is missing" in await refusal(settings(server.nats, [server.monitor]))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"max_age": 3600}, "max_age"),
        ({"max_msgs": 10}, "max_msgs"),
        ({"max_msgs_per_subject": 1}, "max_msgs_per_subject"),
        ({"no_ack": True}, "no_ack"),
        ({"subjects": ["registration.campaign.>"]}, "subjects"),
        ({"storage": StorageType.MEMORY}, "storage"),
        ({"allow_atomic": None}, "allow_atomic"),
        ({"persist_mode": PersistMode.ASYNC, "allow_atomic": None}, "persist_mode, allow_atomic"),
    ],
)
async def test_a_stream_that_differs_from_its_declaration_is_refused(server, jetstream, change, named):
    await jetstream.delete_stream("REGISTRATION")
    [wanted] = [config for config in streams.stream_configs([], 1) if config.name == "REGISTRATION"]
    await jetstream.add_stream(StreamConfig(**{**vars(wanted), **change}))
    assert f"stream REGISTRATION differs from its declaration in {named}:" in await refusal(settings(server.nats, [server.monitor]))


@pytest.mark.parametrize("change", [{"subjects": ["inbound.kho-bac.>", "more.>"]}, {"max_msgs": 2_000_000}, {"max_bytes": -1}])
async def test_a_stream_that_holds_more_than_declared_is_accepted_and_told(server, jetstream, change, caplog):
    """An older program, started again after the newer one's provisioning, must run: its own would undo the newer one's."""
    [wanted] = [config for config in streams.stream_configs([CLIENT], 1) if config.name == f"INBOUND_{CLIENT}"]
    await jetstream.update_stream(StreamConfig(**{**vars(wanted), **change}))
    await gates.check(settings(server.nats, [server.monitor]), HEARS)
    assert f"stream INBOUND_{CLIENT} has other bounds than this program declares, in {next(iter(change))}" in caplog.text


async def test_a_partners_stream_lets_go_of_what_is_a_month_old_and_no_other_stream_does(server, jetstream, caplog):
    ages = {str(info.config.name): info.config.max_age or 0 for info in await jetstream.streams_info()}
    assert ages.pop(f"INBOUND_{CLIENT}") == 30 * 24 * 3600
    assert set(ages.values()) == {0}
    [wanted] = [config for config in streams.stream_configs([CLIENT], 1) if config.name == f"INBOUND_{CLIENT}"]
    given = settings(server.nats, [server.monitor])
    await jetstream.update_stream(StreamConfig(**{**vars(wanted), "max_age": 3600}))
    assert f"stream INBOUND_{CLIENT} differs from its declaration in max_age:" in await refusal(given)
    await jetstream.update_stream(StreamConfig(**{**vars(wanted), "max_age": 0}))
    await gates.check(given, HEARS)
    assert f"stream INBOUND_{CLIENT} has other bounds than this program declares, in max_age" in caplog.text
    assert await streams.provision(jetstream, [wanted], []) == [f"stream INBOUND_{CLIENT}: updated"]
    assert (await jetstream.stream_info(f"INBOUND_{CLIENT}")).config.max_age == 30 * 24 * 3600


@pytest.mark.parametrize("change", [{"filter_subjects": ["clock.minute.ticked.v1", "clock.minute.ticked.v2"]}, {"max_ack_pending": 5000}])
async def test_a_durable_that_hears_more_than_declared_is_accepted_and_told(server, jetstream, change, caplog):
    [place] = [place for place in streams.durables(HEARS, []) if place.stream == "CLOCK"]
    await jetstream.add_consumer("CLOCK", ConsumerConfig(**{**vars(streams.durable_config(place)), **change}))
    await gates.check(settings(server.nats, [server.monitor]), HEARS)
    assert f"durable CLOCK/reporting has other bounds than this program declares, in {next(iter(change))}" in caplog.text


@contextlib.contextmanager
def tomorrow(monkeypatch):
    """The next version of the program: it bounds more tightly than this one does."""
    with monkeypatch.context() as patch:
        patch.setattr(streams, "DECLARATION", streams.DECLARATION + 1)
        patch.setattr(streams, "INBOUND_MAX_AGE_SECONDS", 7 * 24 * 3600)
        patch.setattr(streams, "MAX_ACK_PENDING", 500)
        patch.setattr(streams, "ACK_WAIT_SECONDS", 3.0)
        yield


async def test_what_a_newer_program_bounds_more_tightly_is_accepted_and_told_and_never_undone(server, jetstream, monkeypatch, caplog):
    """An older process that is started again beside the newer ones runs, and the older program's provisioning leaves all as it is."""
    given = settings(server.nats, [server.monitor])
    with tomorrow(monkeypatch):
        await provision(jetstream)
    await gates.check(given, HEARS)
    assert f"stream INBOUND_{CLIENT} has other bounds than this program declares, in max_age: a newer program's" in caplog.text
    assert "durable CLOCK/reporting has other bounds than this program declares, in ack_wait, max_ack_pending" in caplog.text
    lines = await streams.provision(jetstream, streams.stream_configs([CLIENT], 1), streams.durables(HEARS, [CLIENT]))
    assert f"stream INBOUND_{CLIENT}: declared by a newer program, left as it is" in lines
    with tomorrow(monkeypatch):
        assert await streams.provision(jetstream, streams.stream_configs([CLIENT], 1), streams.durables(HEARS, [CLIENT])) == []


async def test_a_newer_program_too_may_not_have_events_refused_or_lost(server, jetstream, monkeypatch):
    with tomorrow(monkeypatch):
        [wanted] = [config for config in streams.stream_configs([CLIENT], 1) if config.name == f"INBOUND_{CLIENT}"]
    await jetstream.update_stream(StreamConfig(**{**vars(wanted), "no_ack": True}))
    given = settings(server.nats, [server.monitor])
    assert "differs from its declaration in no_ack:" in await refusal(given)
    await provision(jetstream)
    await gates.check(given, HEARS)


async def test_a_process_of_the_version_before_starts_again_after_the_newer_one_s_provisioning(server, tmp_path, monkeypatch):
    given = settings(server.nats, [server.monitor], data=tmp_path)
    await local.migrate_all(given)
    with tomorrow(monkeypatch):
        await local.provision(given)
    port = free_port()
    environment = {"THIDUA_NATS_URL": server.nats, "THIDUA_NATS_MONITOR_URL": server.monitor, "THIDUA_PORT": str(port)}
    process = await thidua("run", "reporting", "--data", str(tmp_path), **environment)
    try:
        await answering(f"http://127.0.0.1:{port}/reporting/ready")
        assert (await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{port}/reporting/ready")).status_code == 200
    finally:
        process.terminate()
        told = (await process.communicate())[1].decode()
    assert "durable CLOCK/reporting has other bounds than this program declares" in told


async def test_what_was_made_before_declarations_had_numbers_passes_and_is_numbered_by_the_next_provisioning(server, jetstream):
    [wanted] = [config for config in streams.stream_configs([], 1) if config.name == "CLOCK"]
    [place] = [place for place in streams.durables(HEARS, []) if place.stream == "CLOCK"]
    await jetstream.delete_stream("CLOCK")
    await jetstream.add_stream(StreamConfig(**{**vars(wanted), "metadata": None}))
    await jetstream.add_consumer("CLOCK", ConsumerConfig(**{**vars(streams.durable_config(place)), "metadata": None}))
    await gates.check(settings(server.nats, [server.monitor]), HEARS)
    for lines in (["stream CLOCK: updated", "durable CLOCK/reporting: updated"], []):
        assert await streams.provision(jetstream, streams.stream_configs([CLIENT], 1), streams.durables(HEARS, [CLIENT])) == lines


def test_what_is_declared_is_not_changed_without_a_new_number():
    """Who changes a declaration raises `streams.DECLARATION` by one and writes both here."""
    place = streams.durable_config(streams.Durable("STREAM", "service", ("subject",)))
    said = [{name: getattr(one, name) for name in streams.STREAM_FIELDS} for one in streams.stream_configs(["client"], 1)]
    said.append({name: getattr(place, name) for name in streams.DURABLE_FIELDS})
    assert (streams.DECLARATION, hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]) == (3, "6adc35add633")


async def test_a_durable_that_was_once_made_anew_can_still_be_changed(server, jetstream, monkeypatch):
    """From where it began to hear is for good: the server takes no other."""
    [place] = [place for place in streams.durables(HEARS, []) if place.stream == "CLOCK"]
    wanted = streams.durable_config(place)
    await jetstream.delete_consumer("CLOCK", "reporting")
    await jetstream.add_consumer("CLOCK", ConsumerConfig(**{**vars(wanted), "deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": 1}))
    with tomorrow(monkeypatch):
        assert await streams.provision(jetstream, [], [place]) == ["durable CLOCK/reporting: updated"]


async def test_provisioning_mends_what_was_refused_and_says_what_cannot_be_changed(server, jetstream):
    given = settings(server.nats, [server.monitor])
    [wanted] = [config for config in streams.stream_configs([], 1) if config.name == "CLOCK"]
    await jetstream.update_stream(StreamConfig(**{**vars(wanted), "max_age": 3600}))
    assert "CLOCK differs" in await refusal(given)
    await provision(jetstream)
    await gates.check(given, HEARS)
    await jetstream.delete_stream("CLOCK")
    await jetstream.add_stream(StreamConfig(**{**vars(wanted), "storage": StorageType.MEMORY}))
    with pytest.raises(Refused, match="CLOCK"):
        await provision(jetstream)


@pytest.mark.parametrize("stream", ["CLOCK", "INBOUND_kho-bac"])
async def test_a_missing_durable_is_refused(server, jetstream, stream):
    await jetstream.delete_consumer(stream, "reporting")
    assert f"durable {stream}/reporting is missing" in await refusal(settings(server.nats, [server.monitor]))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"filter_subjects": ["clock.day.>"]}, "filter_subjects"),
        ({"filter_subjects": ["clock.minute.ticked.v2", "clock.day.>"]}, "filter_subjects"),
        ({"max_deliver": 1}, "max_deliver"),
        ({"max_ack_pending": 1}, "max_ack_pending"),
        ({"ack_wait": 300.0}, "ack_wait"),
        ({"ack_policy": AckPolicy.NONE, "ack_wait": None, "max_ack_pending": None, "max_deliver": None}, "ack_policy"),
    ],
)
async def test_a_durable_that_differs_from_its_declaration_is_refused(server, jetstream, change, named):
    [place] = [place for place in streams.durables(HEARS, []) if place.stream == "CLOCK"]
    await jetstream.delete_consumer("CLOCK", "reporting")
    await jetstream.add_consumer("CLOCK", ConsumerConfig(**{**vars(streams.durable_config(place)), **change}))
    assert f"durable CLOCK/reporting differs from its declaration in {named}" in await refusal(settings(server.nats, [server.monitor]))


async def test_fewer_copies_than_wanted_are_refused(server, jetstream):
    told = await refusal(settings(server.nats, [server.monitor], replicas=3))
    assert "REGISTRATION has 1 copies, THIDUA_REPLICAS wants 3" in told


async def test_a_cluster_is_waited_for_and_passes_when_each_of_its_servers_is_named(tmp_path):
    async with nats_cluster(tmp_path) as servers:
        monitors = [server.monitor for server in servers]
        connection = await nats.connect(servers[0].nats)
        await provision_patiently(connection.jetstream())
        await connection.close()
        await gates.check(settings(servers[1].nats, monitors, replicas=3), HEARS)
        assert "2 of 3 servers" in await refusal(settings(servers[0].nats, monitors[:2], replicas=3))
        down = f"http://127.0.0.1:{free_port()}"
        await gates.check(settings(servers[0].nats, [*monitors[:2], down], replicas=3), HEARS)
        assert "cannot be read" in await refusal(settings(servers[0].nats, [monitors[0], down, down], replicas=3))


async def provision_patiently(jetstream):
    """A cluster that has just started answers nothing, or that it is not ready, until its servers know each other and have chosen a leader."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(nats.errors.TimeoutError, APIError):
                return await provision(jetstream, replicas=3)
            await asyncio.sleep(0.2)


async def thidua(*arguments, **environment):
    command = [sys.executable, "-m", "services", *arguments]
    return await asyncio.create_subprocess_exec(*command, env=os.environ | environment, stdout=PIPE, stderr=PIPE)


async def test_a_stopped_service_ends_with_status_1_and_one_line(server, tmp_path):
    process = await thidua("run", "reporting", "--data", str(tmp_path), THIDUA_NATS_URL=server.nats, THIDUA_NATS_MONITOR_URL=server.monitor)
    told, errors = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, told) == (1, b"")
    assert errors.decode().splitlines() == ["Chưa có luồng REGISTRATION: hãy chạy thidua provision."]


async def test_a_service_without_its_tables_ends_with_the_command_that_makes_them(tmp_path, database_url):
    async with nats_server(tmp_path / "nats") as server:
        connection = await nats.connect(server.nats)
        await provision(connection.jetstream())
        await connection.close()
        named = {"THIDUA_NATS_URL": server.nats, "THIDUA_NATS_MONITOR_URL": server.monitor, "THIDUA_DATABASE_URL": database_url}
        process = await thidua("run", "reporting", "--data", str(tmp_path), **named)
        told, errors = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, told) == (1, b"")
    assert errors.decode().splitlines() == ["Cơ sở dữ liệu của reporting chưa có các bảng của bản này: hãy chạy thidua migrate."]


async def test_all_four_services_in_one_process_are_stopped_alike_on_a_broker_that_is_named(tmp_path):
    async with nats_server(tmp_path / "nats", sync="") as server:
        process = await thidua("up", "--data", str(tmp_path), THIDUA_NATS_URL=server.nats, THIDUA_NATS_MONITOR_URL=server.monitor)
        told, errors = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, told) == (1, b"")
    [line] = errors.decode().splitlines()
    assert "sync_interval: always" in line


async def test_a_server_that_hangs_keeps_nobody_from_the_others_and_alone_is_told_when_patience_ends(server, jetstream):
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        silent = f"nats://127.0.0.1:{hanging.getsockname()[1]}"
        await gates.check(settings(f"{silent},{server.nats}", [server.monitor]), HEARS)
        with pytest.raises(broker.Silent):
            await gates.check(settings(silent, [server.monitor]), HEARS, 0)


async def test_a_broker_that_never_comes_is_told_when_patience_ends():
    with pytest.raises(NoServersError):
        await gates.check(settings(f"nats://127.0.0.1:{free_port()}", ["http://127.0.0.1:1"]), HEARS, 0.2)
