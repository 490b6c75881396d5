"""Each service's tables are made and changed by Alembic revisions in its own folder; fabric tables come along by shared steps."""

import importlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import SAWarning

from shared import audit, campaigns, clock, deadletters, inbox, outbox, security, units
from shared.database import Database, fabric
from shared.messages import Refused
from shared.migrations import compatible

FABRIC = (audit, campaigns, clock, deadletters, inbox, outbox, security, units)
"""Modules that declare fabric tables: importing them fills `fabric`."""

HERE = Path(__file__).parent


def folder_of(service: str) -> Path:
    """Where a service's revisions lie."""
    package = importlib.import_module(f"services.{service}")
    return Path(package.__path__[0]) / "migrations"


def metadata_of(service: str) -> list[MetaData]:
    """All tables of a service: the fabric's and its own."""
    return [fabric, importlib.import_module(f"services.{service}.models").metadata]


def configuration(service: str, connection: Connection | None = None) -> Config:
    """Alembic's configuration for one service, made in code: there is one env.py for all."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(folder_of(service) / "versions"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata_of(service)
    return config


def head_of(service: str) -> str | None:
    """The newest revision that this program knows."""
    return ScriptDirectory.from_config(configuration(service)).get_current_head()


def is_known(service: str, revision: str) -> bool:
    """False for a revision that only a newer program knows."""
    return any(script.revision == revision for script in ScriptDirectory.from_config(configuration(service)).walk_revisions())


async def revision_of(database: Database) -> str | None:
    """The revision at which a service's tables are; None when they were never made."""
    async with database.reader.connect() as connection:
        return await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())


@dataclass(frozen=True)
class Standing:
    """Where a service's tables stand, seen from this program; `foreign`: nothing says that it runs on them."""

    revision: str | None
    place: Literal["none", "behind", "current", "newer", "foreign"]


async def standing_of(database: Database) -> Standing:
    """Of a database that may be a newer program's: after an upgrade that was taken back, or while programs are replaced one by one."""
    head = head_of(database.service)
    async with database.reader.connect() as connection:
        present = await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
        if present is None:
            return Standing(None, "none")
        if is_known(database.service, present):
            return Standing(present, "current" if present == head else "behind")
        return Standing(present, "newer" if head in await connection.run_sync(compatible.read) else "foreign")


def foreign(service: str, present: str | None) -> Refused:
    """What is said of tables on which this program may not run."""
    return Refused.because(
        "Cơ sở dữ liệu của {service} ở lược đồ {present} mà bản này không biết, và ở đó không ghi rằng bản này ({head}) chạy được: hãy chạy bản đã "
        "chuyển đổi nó hoặc bản mới hơn, hoặc sửa THIDUA_DATABASE_URL.",
        service=service, present=present, head=head_of(service),
    )  # fmt: skip


async def migrate(database: Database, revision: str = "head") -> Standing:
    """Bring a service's database to the newest revision, or to the one named; doing it again changes nothing.

    Returns where it stood before: a newer program's is left as it is. Raises `Refused` for one on which this program may not run.
    """
    standing = await standing_of(database)
    if standing.place == "foreign":
        raise foreign(database.service, standing.revision)
    if standing.place != "newer":
        await make_schema(database)
        async with database.writer.connect() as connection:
            await connection.run_sync(lambda c: command.upgrade(configuration(database.service, c), revision))
    return standing


async def make_schema(database: Database) -> None:
    """On PostgreSQL, the schema in which the service's tables lie, unless it is there."""
    if not database.sqlite:
        async with database.writer.begin() as connection:
            await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{database.schema}"'))


def reflect(connection: Connection, found: MetaData) -> None:
    """Read the tables that are there; their indexes over expressions are left out, for whoever copies or drops rows needs none."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index", SAWarning)
        found.reflect(connection)
