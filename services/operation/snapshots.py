"""A stream as a file and back, by the broker's own snapshots: messages keep their sequence, headers and time. Durables are left out:
after a restore each service hears everything again, and its inbox knows what it has applied.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy import select, update

from shared.database import Database
from shared.messages import Refused
from shared.outbox import CLOCKS_APART, outbox

CHUNK_BYTES = 128 * 1024
QUIET_SECONDS = 30.0
CHUNKS = "chunks.s2"
ABOUT = "stream.json"


async def take(connection: Client, stream: str, folder: Path) -> int:
    """Write a stream to `folder`; returns how many messages it holds."""
    folder.mkdir(parents=True, exist_ok=True)
    arriving: asyncio.Queue[Msg] = asyncio.Queue()
    inbox = connection.new_inbox()
    subscription = await connection.subscribe(inbox, cb=arriving.put)
    about = await _ask(connection, f"STREAM.SNAPSHOT.{stream}", {"deliver_subject": inbox, "no_consumers": True, "chunk_size": CHUNK_BYTES})
    with (folder / CHUNKS).open("wb") as file:
        while chunk := await asyncio.wait_for(arriving.get(), QUIET_SECONDS):
            if not chunk.data:
                break
            file.write(chunk.data)
            if chunk.reply:
                await connection.publish(chunk.reply, b"")
    await subscription.unsubscribe()
    (folder / ABOUT).write_text(json.dumps({"config": about["config"], "state": about["state"]}), encoding="utf-8")
    return int(about["state"]["messages"])


async def put_back(connection: Client, stream: str, folder: Path, replicas: int) -> None:
    """Make a stream from `folder`; it must not be there. Raises `Refused`."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    about["config"]["num_replicas"] = replicas
    subject = (await _ask(connection, f"STREAM.RESTORE.{stream}", about))["deliver_subject"]
    with (folder / CHUNKS).open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            _checked((await connection.request(subject, chunk, timeout=QUIET_SECONDS)).data)
    _checked((await connection.request(subject, b"", timeout=QUIET_SECONDS)).data)


async def _ask(connection: Client, what: str, body: dict[str, Any]) -> dict[str, Any]:
    return _checked((await connection.request(f"$JS.API.{what}", json.dumps(body).encode(), timeout=QUIET_SECONDS)).data)


def _checked(answer: bytes) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(answer) if answer else {}
    if "error" in told:
        raise Refused.because("Máy chủ NATS từ chối: {reason}.", reason=told["error"].get("description", ""))
    return told


async def trim(jetstream: JetStreamContext, database: Database) -> int:
    """Delete from the end of a service's stream what its database, copied a moment earlier, does not know: nobody has applied it."""
    stream, removed = database.service.upper(), 0
    sequence = (await jetstream.stream_info(stream)).state.last_seq
    while sequence and not await _is_known(jetstream, database, stream, sequence):
        await jetstream.delete_msg(stream, sequence)
        removed += 1
        sequence -= 1
    return removed


async def adopt(jetstream: JetStreamContext, database: Database) -> None:
    """What was sent to the stream that was copied is in the one that was made of it: the relay need not fill it again."""
    made = (await jetstream.stream_info(database.service.upper())).created
    assert made is not None  # the broker tells it of every stream
    async with database.write() as session:
        await session.execute(update(outbox).where(outbox.c.sent.is_not(None)).values(sent=made + 2 * CLOCKS_APART))


async def _is_known(jetstream: JetStreamContext, database: Database, stream: str, sequence: int) -> bool:
    try:
        message = await jetstream.get_msg(stream, seq=sequence)
    except (NotFoundError, nats.errors.NoRespondersError):
        return False
    async with database.read() as session:
        return await session.scalar(select(outbox.c.id).where(outbox.c.id == (message.headers or {}).get("Nats-Msg-Id", ""))) is not None
