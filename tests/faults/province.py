"""The real four services, each as `thidua run` starts it, in the movement of 2023; every unit's clerk sends reports and corrections over HTTP."""

import json
import sys

import httpx

from services import local
from services.registration import keys, loading, sessions
from services.simulation.doors import _plain
from shared import clock
from shared.inbox import Hears
from shared.security import SigningKey, wall_now
from shared.settings import SERVICES
from tests.bench.road.ours import differences
from tests.bench.road.scene import prepare, thousandths
from tests.faults import road
from tests.faults.ledger import Ledger, Producer
from tests.faults.stand import Stand


class Clerks(Producer):
    """Each report with an idempotency key, so that asking again is safe; the ledger's amounts are thousandths."""

    def __init__(self, province: "Province", ledger: Ledger, seed: int, reports: list[dict], tokens: dict[str, str]) -> None:
        super().__init__(lambda: province.of("reporting").address, ledger, seed)
        self.reports, self.tokens, self.per_call = reports, tokens, 1

    def call(self) -> list[dict]:
        self.made += 1
        report = self.reports[self.made % len(self.reports)]
        return [{"key": f"{self.prefix}{self.made}", "unit": report["unit"]["value"], "amount": thousandths(report), "number": self.made}]

    async def ask(self, lines: list[dict]) -> httpx.Response:
        [line] = lines
        headers = {"authorization": f"Bearer {self.tokens[line['unit']]}", "idempotency-key": line["key"], "content-type": "application/json"}
        body = json.dumps(self.reports[line["number"] % len(self.reports)], default=_plain)
        return await self._client.post(f"{self.address()}/reporting/api/reports", content=body, headers=headers)


class Province(Stand):
    """The four services with their own tables, streams and rules; settled when their books are the ledger's."""

    services = SERVICES

    def command(self, service: str) -> list[str]:
        return [sys.executable, "-m", "services", "run", service]

    def hears_of(self, service: str) -> Hears:
        return local.hears_of(service)

    async def prepare(self) -> None:
        """Everybody has registered; what registration has to say of it waits in its outbox, in the stand's folder whatever the others use."""
        self.scene = await prepare(self.folder)
        await local.migrate_all(self.settings)
        await local.provision(self.settings)
        rows = loading.read(self.folder / "campaign").units
        units = {row.identifiers[0].value: row.key for row in reversed(rows)}  # a code may be a later unit's too
        reporting = {report["unit"]["value"] for report in self.scene.reports}
        tokens = await self._tokens({value: units[value] for value in reporting})
        await self.producer.close()
        self.producer = Clerks(self, self.ledger, 1, self.scene.reports, tokens)

    async def _tokens(self, units: dict[str, str]) -> dict[str, str]:
        key: SigningKey = keys.signing_key(self.settings)

        async def issue(database):
            async with database.read() as session:
                return {value: key.issue(await sessions.open_session(session, f"{unit}.clerk"), wall_now()) for value, unit in units.items()}

        return await self.ask("registration", issue)

    async def start(self, *services: str, **environment: str) -> None:
        """The first time they also hear what registration said, and then time moves into the last round."""
        first = not self.runners
        await super().start(*services, **environment)
        if first:
            await self.rest(180)
            async with self.jetstream() as jetstream:
                for tick in self.scene.ticks:
                    await clock.publish(jetstream, tick, simulated=True)
                    await self.rest()

    async def settle(self, seconds: float = 120) -> float:
        """At rest, and every report stands once in the books of reporting, evaluation and notification; how long coming to rest took."""
        took = await self.rest(seconds)
        databases = {service: road.database_of(self.settings, service) for service in self.services}
        try:
            lines = self.ledger.lines()
            assert await differences(databases, len(lines), sum(line["amount"] for line in lines)) == []
            assert [await self.dead(service) for service in self.services] == [0] * len(self.services)
        finally:
            for database in databases.values():
                await database.close()
        return took
