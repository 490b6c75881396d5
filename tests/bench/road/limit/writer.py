"""A batch of scores becomes letters: one transaction with inbox and letter rows; here the road ends."""

import json
import time
from collections.abc import Sequence

from nats.aio.msg import Msg

from tests.bench.road import producing
from tests.bench.road.limit import wire

LETTER = "INSERT INTO letter VALUES ($1, $2, $3)"


async def write(role: wire.Role) -> None:
    with (role.logs / "commits.writer").open("a", encoding="utf-8") as log:

        async def apply(messages: Sequence[Msg]) -> None:
            scores = {score["id"]: (score, message.data.decode()) for message in messages for score in (json.loads(message.data),)}
            async with role.store.transaction() as transaction:
                claimed = await transaction.fetch(role.store.CLAIM, role.store.many(list(scores)))
                rows = [(id, scores[id][0]["unit"], scores[id][1]) for (id,) in claimed]
                await transaction.executemany(LETTER, rows)
            producing.note(log, [id for id, _, _ in rows], time.time_ns())

        await wire.consume(role, "reports.scored", "writer", apply)


if __name__ == "__main__":
    wire.run("notification", write)
