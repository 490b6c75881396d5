"""The two actors, on quorum queues with publisher confirms; imported by the producer and by both workers."""

import sys
import time
from pathlib import Path

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from psycopg_pool import ConnectionPool

DATABASE, URL, REPORTS, LOGS = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
THREADS = 8
TOTAL = """INSERT INTO total VALUES (%s, 1, %s)
ON CONFLICT (unit) DO UPDATE SET reports = total.reports + 1, points = total.points + excluded.points"""
CLAIM = "INSERT INTO inbox VALUES (%s) ON CONFLICT DO NOTHING RETURNING id"


class QuorumBroker(RabbitmqBroker):
    """Dramatiq declares classic queues; a quorum queue is synced to the disk before it confirms."""

    def _build_queue_arguments(self, queue_name):
        return super()._build_queue_arguments(queue_name) | {"x-queue-type": "quorum"}


broker = QuorumBroker(url=URL, confirm_delivery=True)
dramatiq.set_broker(broker)


def pool(schema: str) -> ConnectionPool:
    """A pool into one service's schema; also opens it, so every process makes only its own."""
    return ConnectionPool(DATABASE, kwargs={"options": f"-c search_path={schema}"}, min_size=1, max_size=THREADS, open=True)


class State:
    """What a worker has: its pool and, in the last one, its log."""

    connections: ConnectionPool
    log = None


@dramatiq.actor(queue_name="accepted", max_retries=8)
def score(report: dict) -> None:
    points = sum(round(value["value"] * 1000) for value in report["values"] if value["value"] is not None)
    id, unit = report["id"], report["unit"]["value"]
    with State.connections.connection() as connection:
        if connection.execute(CLAIM, (id,)).fetchone():
            connection.execute("INSERT INTO score VALUES (%s, %s, %s)", (id, unit, points))
            connection.execute(TOTAL, (unit, points))
    write.send(id, unit, points)


@dramatiq.actor(queue_name="scored", max_retries=8)
def write(id: str, unit: str, points: int) -> None:
    with State.connections.connection() as connection:
        if connection.execute(CLAIM, (id,)).fetchone():
            connection.execute("INSERT INTO letter VALUES (%s, %s, %s)", (id, unit, str(points)))
    State.log.write(f"{id} {time.time_ns()}\n")
    State.log.flush()


def work(name: str, queue: str, schema: str) -> None:
    """Be a worker of one queue for ever."""
    State.connections = pool(schema)
    State.log = (LOGS / f"commits.{name}").open("a", encoding="utf-8")
    worker = dramatiq.Worker(broker, queues={queue}, worker_threads=THREADS)
    worker.start()
    (LOGS / f"{name}.ready").touch()
    while True:
        time.sleep(1)
