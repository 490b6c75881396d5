"""One partner that sends as much as it can, as a process of its own: `python -m tests.bench.doors.flood NATS CLIENT RATE SECONDS`."""

import asyncio
import sys
import time

import nats
import uvloop

from tests.bench.doors.load import events
from tests.bench.doors.ways import publish

SLICE_SECONDS = 0.1


async def flood(url: str, client: str, rate: float, seconds: float) -> int:
    """Send at a pace; returns how many were acknowledged. A late slice is made up for by the next."""
    connection = await nats.connect(url)
    coming, done, started = events(client, 0), 0, time.perf_counter()
    for number in range(1, round(seconds / SLICE_SECONDS) + 1):
        given = [next(coming) for _ in range(round(rate * SLICE_SECONDS * number) - done)]
        await asyncio.gather(*(publish(connection.jetstream(), sent, data) for sent, data in given))
        done += len(given)
        await asyncio.sleep(max(0.0, started + number * SLICE_SECONDS - time.perf_counter()))
    await connection.close()
    return done


if __name__ == "__main__":
    print(uvloop.run(flood(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))))
