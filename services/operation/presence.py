"""Whether a service runs and keeps up, seen from the broker: a running one has pull requests standing at its durables, or takes from them."""

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Any

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from services import local
from services.operation import servers
from shared import streams
from shared.messages import Refused
from shared.security import wall_now
from shared.settings import Settings
from shared.streams import Durable

WATCH_SECONDS = 3.0
"""A request that is used up is renewed once the batch is applied; so long nobody has to ask, or take anything, before nobody is there."""
LOOK_SECONDS = 0.25
WAITING_AGE = timedelta(seconds=60)


async def present(settings: Settings, service: str) -> str:
    """Raises `Refused` when nobody listens, or when what waits for the service has waited too long.

    Partners' streams are left out: what is beyond a partner's quota waits there by design.
    """
    connection = await servers.connected(settings)
    try:
        jetstream, places = connection.jetstream(), streams.durables([local.hears_of(service)], [])
        if not await _somebody_listens(jetstream, places):
            raise Refused.because(
                "dịch vụ {service} không chạy, không ai lấy sự kiện cho nó: hãy khởi động (thidua run {service}, hoặc deploy/up {service}) rồi đọc "
                "những dòng cuối nhật ký của nó.",
                service=service,
            )  # fmt: skip
        return await _kept_up(jetstream, places, service)
    finally:
        await connection.close()


async def _somebody_listens(jetstream: JetStreamContext, places: list[Durable]) -> bool:
    before = await _infos(jetstream, places)
    for _ in range(int(WATCH_SECONDS / LOOK_SECONDS)):
        if any(info.num_waiting for info in before):
            return True
        await asyncio.sleep(LOOK_SECONDS)
        now = await _infos(jetstream, places)
        if [_taken(info) for info in now] != [_taken(info) for info in before]:
            return True
        before = now
    return False


async def _infos(jetstream: JetStreamContext, places: list[Durable]) -> list[ConsumerInfo]:
    return [await jetstream.consumer_info(place.stream, place.service) for place in places]


def _taken(info: ConsumerInfo) -> tuple[Any, Any]:
    return info.delivered, info.ack_floor


async def _kept_up(jetstream: JetStreamContext, places: list[Durable], service: str) -> str:
    """What has waited long is a fault where nothing is taken either: after a restore, or a long absence, a service has much to catch up with."""
    infos = await _infos(jetstream, places)
    ages = [await _age(jetstream, place, info) for place, info in zip(places, infos, strict=True)]
    number, oldest = sum(info.num_pending or 0 for info in infos), max(ages)
    if oldest > WAITING_AGE:
        await asyncio.sleep(WATCH_SECONDS)
        later = await _infos(jetstream, places)
        if any(age > WAITING_AGE and _taken(info) == _taken(then) for age, info, then in zip(ages, later, infos, strict=True)):
            raise Refused.because(
                "{number} sự kiện chờ dịch vụ {service}, cũ nhất đã {seconds} giây, mà không ai lấy: hãy đọc nhật ký của dịch vụ và xem cơ sở dữ liệu của nó.",
                number=number, service=service, seconds=int(oldest.total_seconds()),
            )  # fmt: skip
    return f"runs, {number} events wait, the oldest for {oldest.total_seconds():.0f} s" if number else "runs, nothing waits for it"


async def _age(jetstream: JetStreamContext, place: Durable, info: ConsumerInfo) -> timedelta:
    """Of the oldest event that was not yet delivered; zero without any."""
    now = wall_now()
    return now - min([now, *(await _first_waiting(jetstream, place, info) if info.num_pending else [])])


async def _first_waiting(jetstream: JetStreamContext, place: Durable, info: ConsumerInfo) -> list[datetime]:
    """When the broker got the first event of each subject that was not yet delivered."""
    after, found = (info.delivered.stream_seq if info.delivered else 0) + 1, []
    for subject in place.subjects:
        with contextlib.suppress(NotFoundError):
            message = await jetstream.get_msg(place.stream, seq=after, subject=subject, next=True)
            found += [message.time] if message.time else []
    return found
