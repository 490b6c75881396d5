"""How each score stands in its cluster, and how many stand in each bucket; filled from the scores there are."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op

from services.evaluation.scoring.order import KEY_LENGTH, bucket_of, key_of
from services.evaluation.scoring.ranking import official_name, sorted_name
from shared import database
from shared.clock import local_date

revision = "evaluation_0002"
down_revision = "evaluation_0001"
branch_labels = None
depends_on = None

CHUNK = 2000


def upgrade() -> None:
    standings = op.create_table(
        "standings",
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("cluster", sa.String(length=64), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("key", database.Ordered(KEY_LENGTH), nullable=False),
        sa.Column("name", database.Ordered(72), nullable=True),
        sa.Column("on_hold", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "unit"),
    )
    buckets = op.create_table(
        "score_buckets",
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("cluster", sa.String(length=64), nullable=False),
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("competing", sa.Integer(), nullable=False),
        sa.Column("on_hold", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "cluster", "bucket"),
    )
    _fill(op.get_bind(), standings, buckets)
    with op.batch_alter_table("standings", schema=None) as batch_op:
        batch_op.create_index("standings_order", ["campaign", "cluster", "bucket", "key", "name"], unique=False)


def downgrade() -> None:
    op.drop_table("score_buckets")
    op.drop_table("standings")


def _fill(connection: sa.Connection, standings: sa.Table, buckets: sa.Table) -> None:
    counts: Counter[tuple[str, str, int, bool]] = Counter()
    for campaign, day in _closing_days(connection):
        for chunk in _scores(connection, campaign):
            names = _names(connection, [row["unit"] for row in chunk], day)
            rows = [_standing(row, names.get(row["unit"])) for row in chunk]
            connection.execute(standings.insert(), rows)
            counts.update((campaign, row["cluster"], row["bucket"], row["on_hold"]) for row in rows if row["name"])
    places = sorted({key[:3] for key in counts})
    if places:
        rows = [
            {"campaign": c, "cluster": k, "bucket": b, "competing": counts[c, k, b, False], "on_hold": counts[c, k, b, True]}
            for c, k, b in places
        ]
        connection.execute(buckets.insert(), rows)


def _closing_days(connection: sa.Connection) -> list[tuple[str, date]]:
    found = connection.execute(sa.text("SELECT campaign, definition FROM known_campaigns"))
    return [(row.campaign, local_date(datetime.fromisoformat(json.loads(row.definition)["ends_at"]))) for row in found]


def _scores(connection: sa.Connection, campaign: str) -> Iterator[list[Any]]:
    """A campaign's scores, so many at a time."""
    statement = sa.text(
        "SELECT campaign, unit, revision, cluster, score, on_hold FROM scores WHERE campaign = :campaign AND unit > :last"
        " ORDER BY unit LIMIT :chunk"
    )
    last = ""
    while chunk := [dict(row) for row in connection.execute(statement, {"campaign": campaign, "last": last, "chunk": CHUNK}).mappings()]:
        last = chunk[-1]["unit"]
        yield chunk


def _names(connection: sa.Connection, among: list[str], day: date) -> dict[str, str]:
    statement = sa.text(
        "SELECT unit, scheme, value FROM known_unit_identifiers WHERE unit IN :among AND valid_from <= :day"
        " AND (valid_to IS NULL OR valid_to >= :day)"
    ).bindparams(sa.bindparam("among", expanding=True), sa.bindparam("day", type_=sa.Date))
    found: dict[str, list[tuple[str, str]]] = {}
    for row in connection.execute(statement, {"among": among, "day": day}):
        found.setdefault(row.unit, []).append((row.scheme, row.value))
    return {unit: sorted_name(*name) for unit, identifiers in found.items() if (name := official_name(identifiers))}


def _standing(row: dict[str, Any], name: str | None) -> dict[str, Any]:
    score = Decimal(row["score"])
    kept = {column: row[column] for column in ("campaign", "unit", "revision", "cluster")}
    return kept | {"bucket": bucket_of(score), "key": key_of(score), "name": name, "on_hold": bool(row["on_hold"])}
