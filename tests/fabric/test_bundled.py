"""The bundled broker is watched: one that ended is started again on its address, one that was told to stop stays away."""

import signal
import socket

import nats
import pytest
from nats.js.api import StreamConfig

from shared import bundled
from shared.bundled import BrokerMissing, free_port, running_in
from tests.fabric.conftest import until


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    monkeypatch.setattr(bundled, "WATCH_SECONDS", 0.05)


async def test_a_broker_that_ended_is_started_again_with_what_it_held(broker):
    connection = await nats.connect(broker.url, reconnect_time_wait=0.05)
    await connection.jetstream().add_stream(StreamConfig(name="A", subjects=["a"]))
    await connection.jetstream().publish("a", b"kept")
    first = broker.process
    first.kill()
    await until(lambda: broker.process is not first and broker.process.returncode is None)
    await until(lambda: connection.is_connected)
    assert (await connection.jetstream().stream_info("A")).state.messages == 1
    await connection.close()


async def test_a_broker_that_was_told_to_stop_stays_away(broker):
    await broker.stop(signal.SIGKILL)
    with pytest.raises(TimeoutError):
        await until(lambda: running_in(broker.folder), 0.4)


@pytest.mark.parametrize(("free", "expected"), [(bundled.ENOUGH_BYTES, True), (0, False)])
async def test_a_kept_write_error_means_a_new_start_only_with_space(broker, monkeypatch, free, expected):
    async def health():
        return "JetStream stream '$G > A' write error: no space left on device"

    monkeypatch.setattr(broker, "_health", health)
    monkeypatch.setattr(bundled.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))
    assert bool(await broker._fault()) is expected


async def test_a_broker_that_cannot_start_says_so_at_once_and_not_when_patience_ends(tmp_path):
    """Somebody else has its port: who waits for its greeting alone waits for nothing."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        broker = bundled.BundledBroker(tmp_path, other.getsockname()[1])
        with pytest.raises(BrokerMissing, match=r"ended with status 1; .*nats\.log says why"):
            await broker.start()


def test_a_free_port_is_given_once_and_whoever_names_it_may_listen_there():
    """By chance alone two of so many would be the same: a server would find its port taken by another, or by its own monitoring page."""
    ports = [free_port() for _ in range(700)]
    assert len(set(ports)) == len(ports)
    with socket.create_server(("127.0.0.1", ports[0])), pytest.raises(OSError, match="in use"):
        socket.create_server(("127.0.0.1", ports[0]))
