"""The official CloudEvents SDK is understood, and every type has an example that can be sent."""

from collections.abc import AsyncIterator

import nats
import pytest
import pytest_asyncio
from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from services.reporting.examples import event as example
from shared.events.contract import REGISTRY, inbound_types
from tests.reporting.desk import Desk
from tests.reporting.sending import KEY, KIND, door_of, verdict
from tests.reporting.world import observed


@pytest_asyncio.fixture
async def desk(app_of) -> AsyncIterator[Desk]:
    async with door_of(app_of("reporting")) as found:
        yield found


def sdk_event(id: str, value: str) -> CloudEvent:
    attributes = {"id": id, "source": "//kho-bac.example/số liệu", "type": KIND, "specversion": "1.0", "datacontenttype": "application/json"}
    return CloudEvent(attributes, observed(value))


@pytest.mark.parametrize("mode", [to_binary, to_structured])
async def test_the_official_python_sdk_is_understood_in_both_modes(desk: Desk, mode) -> None:
    message: HTTPMessage = mode(sdk_event("sdk-1", "30"), JSONFormat())
    answer = await desk.client.post("/reporting/api/events", content=message.body, headers=dict(message.headers) | {"authorization": f"Bearer {KEY}"})
    assert (await verdict(desk, answer.json()["events"][0]))["state"] == "accepted"


async def test_the_official_python_sdk_is_understood_over_nats_in_structured_mode(desk: Desk) -> None:
    message = to_structured(sdk_event("sdk-2", "30"), JSONFormat())
    connection = await nats.connect(desk.service.settings.nats_url)
    stored = await connection.jetstream().publish(f"inbound.kho-bac.{KIND.removeprefix('inbound.')}", message.body, headers=dict(message.headers))
    await connection.close()
    found = await verdict(desk, {"href": f"/reporting/api/events/{stored.stream}:{stored.seq}"})
    assert (found["state"], found["id"]) == ("accepted", "sdk-2")


@pytest.mark.parametrize("kind", inbound_types())
def test_every_type_has_an_example_that_fits_its_contract(kind: str) -> None:
    shown = example(kind, "kho-bac")
    assert REGISTRY[kind].model_validate(shown["data"]).model_dump(exclude_unset=True).keys() == shown["data"].keys()


def test_the_examples_can_be_sent_one_after_the_other_and_the_correction_cites_the_observation() -> None:
    shown = {kind: example(kind, "kho-bac") for kind in inbound_types()}
    assert len({one["id"] for one in shown.values()}) == len(inbound_types())
    assert shown["inbound.indicator.corrected.v1"]["data"]["replaces"] == shown[KIND]["id"]
