"""A service that hears partners finds each of their streams, however many there are, and tries again where it could not bind."""

import pytest
from nats.errors import ConnectionClosedError
from nats.js.api import StorageType, StreamConfig

from shared import broker, deadletters, streams
from shared.hears import Hears
from tests.fabric.conftest import run_service, until

MANY = 300
"""More streams than the broker tells of at once."""


@pytest.fixture
def hears():
    mine = Hears("reporting")
    heard: list[bytes] = []

    @mine.inbound
    async def on_inbound(message, session, meta) -> None:
        heard.append(message.body)

    return mine, heard


async def test_every_partner_s_stream_is_found(fabric_settings):
    async with run_service(fabric_settings, Hears("registration")) as service:
        assert await streams.clients_of(service.jetstream) == []
        for number in range(MANY):
            name = f"client-{number:03}"
            config = StreamConfig(name=streams.stream_of_client(name), subjects=[f"inbound.{name}.>"], storage=StorageType.MEMORY)
            await service.jetstream.add_stream(config)
        assert await streams.clients_of(service.jetstream) == [f"client-{number:03}" for number in range(MANY)]


async def test_a_partner_s_event_that_is_replayed_has_the_place_and_the_moment_at_which_it_came(fabric_settings, monkeypatch):
    """By its place its receipt is found and the inbox knows it; by the moment it is judged whether it was in time."""
    monkeypatch.setattr("shared.inbox.MAX_DELIVER", 1)
    mine, came = Hears("reporting"), []

    @mine.inbound
    async def on_inbound(message, session, meta) -> None:
        came.append((meta.source, meta.id, meta.stream, meta.sequence, meta.stored, message.headers))
        if len(came) == 1:
            raise ValueError("not yet")

    settings = fabric_settings.model_copy(update={"clock": "real"})
    async with run_service(settings, mine) as service:
        configs = [config for config in streams.stream_configs(["kho-bac"], 1) if config.name == "INBOUND_kho-bac"]
        await streams.provision(service.jetstream, configs, streams.durables([mine], ["kho-bac"]))
        await service.jetstream.publish("inbound.kho-bac.indicator.observed.v1", b"{}", headers={"ce-id": "1"})

        async def letters():
            async with service.database.read() as session:
                return await deadletters.listed(session)

        await until(letters)
        [letter] = await letters()
        for _ in range(2):
            await deadletters.replay(service.database, service.inbox, letter.id)
    assert len(came) == 2, "the inbox knows it when it is replayed once more"
    assert came[0] == came[1]


async def test_a_partner_that_could_not_be_bound_is_bound_later(fabric_settings, hears, monkeypatch):
    mine, heard = hears
    start, tries = broker.StandingPullSubscriber.start, []

    async def late(self) -> None:
        tries.append(self)
        if len(tries) == 1:
            raise ConnectionClosedError
        await start(self)

    monkeypatch.setattr("shared.service.PARTNER_POLL_SECONDS", 0.05)
    async with run_service(fabric_settings, mine) as service:
        monkeypatch.setattr(broker.StandingPullSubscriber, "start", late)
        configs = [config for config in streams.stream_configs(["kho-bac"], 1) if config.name == "INBOUND_kho-bac"]
        await streams.provision(service.jetstream, configs, streams.durables([mine], ["kho-bac"]))
        await until(lambda: service.partners == {"kho-bac"} and len(tries) > 1)
        await service.jetstream.publish("inbound.kho-bac.indicator.observed.v1", b"{}")
        await until(lambda: heard == [b"{}"])
