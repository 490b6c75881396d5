"""`python -m shared.migrations draft <service> [message]`: write the revision that leads from the last one to today's tables."""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command

from shared.database import Database
from shared.migrations import configuration, folder_of, migrate


async def draft(service: str, message: str) -> None:
    """Compare an up-to-date database with the declared tables and write the difference as a new revision."""
    versions = folder_of(service) / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    number = f"{len(list(versions.glob('[0-9]*.py'))) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite+aiosqlite:///{Path(folder) / 'draft.sqlite'}", service)
        await migrate(database)
        async with database.writer.connect() as connection:
            await connection.run_sync(
                lambda c: command.revision(
                    configuration(service, c), message, autogenerate=True, rev_id=f"{service}_{number}", version_path=str(versions)
                )
            )
        await database.close()
    for path in versions.glob(f"{service}_{number}_*.py"):
        kept = [line for line in path.read_text(encoding="utf-8").splitlines() if "# ###" not in line]
        (versions / path.name.removeprefix(f"{service}_")).write_text("\n".join(kept) + "\n", encoding="utf-8")
        path.unlink()


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "draft":
        sys.exit("usage: python -m shared.migrations draft <service> [message]")
    asyncio.run(draft(sys.argv[2], " ".join(sys.argv[3:]) or "initial"))
