"""What the three programs share: arguments (database, broker, reports, logs), the broker, the pool, and how they start."""

import sys
from pathlib import Path

import asyncpg
import uvloop
from faststream import FastStream
from faststream.nats import JStream, NatsBroker
from pydantic import BaseModel

DATABASE, URL, REPORTS, LOGS = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
WORKERS = 10
ACCEPTED, SCORED = JStream("ACCEPTED", declare=False), JStream("SCORED", declare=False)

broker = NatsBroker(URL, logger=None)
app = FastStream(broker, logger=None)


class Unit(BaseModel):
    scheme: str
    value: str


class Figure(BaseModel):
    indicator: str
    value: float | None
    unit_of_measure: str
    kind: str
    as_of: str
    note: str


class Report(BaseModel):
    id: str
    campaign: str
    unit: Unit
    round: str
    values: list[Figure]


class Scored(BaseModel):
    id: str
    unit: str
    points: int


def run(name: str, schema: str) -> None:
    """Run the app with a pool into one service's schema."""

    @app.on_startup
    async def connect() -> None:
        settings = {"search_path": schema}
        app.connections = await asyncpg.create_pool(DATABASE, min_size=1, max_size=WORKERS, server_settings=settings)

    @app.after_startup
    async def ready() -> None:
        (LOGS / f"{name}.ready").touch()

    uvloop.run(app.run())
