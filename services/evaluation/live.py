"""Live figures: one ephemeral consumer per process hears what evaluation said, from any replica, and wakes the pages that look on."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from shared.service import Service

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often the consumer is asked whether it still lives: a broker that restarted has forgotten it."""
IDLE_SECONDS = 60.0
COALESCE_SECONDS = 0.5
"""A page is redrawn at most twice a second, whatever happens."""
KEEP_ALIVE_SECONDS = 15.0


class Listener:
    """One open page: which clusters changed since it was last drawn."""

    def __init__(self) -> None:
        self.clusters: set[str] = set()
        self.woken = asyncio.Event()

    def tell(self, cluster: str) -> None:
        """Note that a cluster changed; the empty name means that any may have."""
        self.clusters.add(cluster)
        self.woken.set()

    async def changes(self) -> set[str]:
        """The clusters that changed, gathered for a moment; empty when nothing did for `KEEP_ALIVE_SECONDS`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.woken.wait(), KEEP_ALIVE_SECONDS)
            await asyncio.sleep(COALESCE_SECONDS)
        changed, self.clusters = self.clusters, set()
        self.woken.clear()
        return changed


class Feed:
    """Who looks on."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self.closed = False

    @contextlib.contextmanager
    def listener(self) -> Iterator[Listener]:
        """A listener for as long as the block lasts."""
        one = Listener()
        self.listeners.add(one)
        try:
            yield one
        finally:
            self.listeners.discard(one)

    def tell(self, cluster: str) -> None:
        """Wake everybody who looks on."""
        for one in self.listeners:
            one.tell(cluster)

    def close(self) -> None:
        """End every open page's connection: the service stops."""
        self.closed = True
        self.tell("")


def feed_of(service: Service) -> Feed:
    """The service's feed."""
    feed: Feed = service.extras.setdefault("feed", Feed())
    return feed


async def follow(service: Service) -> None:
    """Hear scores and rankings from now on and wake the pages; a job of the service."""
    feed = feed_of(service)
    feed.closed = False
    try:
        while True:
            with contextlib.suppress(NotFoundError):
                await _follow_once(service, feed)
            feed.tell("")
    finally:
        feed.close()


async def _follow_once(service: Service, feed: Feed) -> None:
    """Until the consumer is gone."""

    async def heard(message: Msg) -> None:
        feed.tell(str(json.loads(message.data).get("cluster", "")))

    config = ConsumerConfig(
        filter_subjects=[contract.TYPE for contract in service.hears.live], ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.NEW,
        inactive_threshold=IDLE_SECONDS, mem_storage=True,
    )
    subscription = await service.jetstream.subscribe("", stream="EVALUATION", config=config, cb=heard)
    try:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await subscription.consumer_info()
    finally:
        with contextlib.suppress(Exception):
            await subscription.unsubscribe()
