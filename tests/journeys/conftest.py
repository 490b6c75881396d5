"""All four services with the province's own campaign in one process, on a real broker and either database; the test moves the clock."""

import contextlib
from datetime import datetime
from pathlib import Path

import pytest

from services.local import Local
from services.simulation.deeds import Hands
from services.simulation.demo import CAMPAIGN
from services.simulation.scene import Mark, Scene
from services.simulation.story import SECRETARY, Act, local
from shared import settings as configuration
from shared import units
from shared.bundled import BundledBroker
from shared.testing.databases import fresh_url


class Stage:
    """A scene whose story the test tells itself."""

    def __init__(self, scene: Scene, broker: BundledBroker) -> None:
        self.scene, self.broker = scene, broker
        self.acts = {kind: [a for a in scene.acts if a.kind == kind] for kind in {a.kind for a in scene.acts}}

    @property
    def hands(self) -> Hands:
        return self.scene.player.hands

    def service(self, name):
        return next(s for s in self.scene.local.services if s.name == name)

    async def at(self, instant: datetime) -> None:
        """The clock moves to `instant`, and everything that follows from it comes to rest."""
        self.scene.player.acts = []
        await self.scene.player.step(self.scene.player.now, instant)

    async def rest(self) -> None:
        await self.scene.player.stillness.wait()

    async def do(self, kind: str, unit: str, **changes) -> None:
        """The story's first act of that kind by that unit, with changed data."""
        act = next(a for a in self.acts[kind] if a.unit == unit)
        await self.hands.do(Act(act.at, act.order, act.unit, act.kind, {**act.data, **changes}))

    async def take_part(self, *units: str) -> None:
        """Register and approve these units, before the first round opens."""
        await self.at(local(self.scene.loaded.campaign.starts, 9))
        for unit in units:
            await self.do("register", unit)
        await self.rest()
        for unit in units:
            await self.hands.do(Act(self.acts["approve"][0].at, 0, unit, "approve"))
        await self.rest()

    async def ask(self, login: str, method: str, path: str, body=None, key=""):
        return await self.scene.desk.ask(login, method, path, body, key)

    async def unit_id(self, unit: str) -> str:
        reference = self.hands.directory.reference(unit)
        async with self.service("evaluation").database.read() as session:
            return await units.resolve(session, reference["scheme"], reference["value"], self.scene.loaded.campaign.starts)

    async def score(self, unit: str):
        return await self.ask(SECRETARY, "GET", f"/evaluation/api/scores/{await self.unit_id(unit)}")

    async def letters(self, login: str):
        return (await self.ask(login, "GET", "/notification/api/letters"))["letters"]


@contextlib.asynccontextmanager
async def staged(folder: Path, broker: BundledBroker, database_url: str, **options):
    wanted = configuration.load({}, data=folder, nats_url=broker.url, database_url=database_url, clock="simulated", **options)
    async with Local(wanted, mail_sink=True) as local_system:
        scene = Scene(local_system, Mark(str(CAMPAIGN), 1))
        await scene.prepare()
        await local_system.start()
        await scene.begin()
        try:
            yield Stage(scene, broker)
        finally:
            await scene.close()


@pytest.fixture
async def stage(tmp_path, broker, database_url):
    async with staged(tmp_path / "data", broker, database_url) as found:
        yield found


@pytest.fixture
async def sqlite_stage(tmp_path, broker):
    async with fresh_url("sqlite") as url, staged(tmp_path / "data", broker, url) as found:
        yield found
