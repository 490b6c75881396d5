"""The demo's stage: where it is kept, the campaign loaded into it, the player with its doors, and the count at the end."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from services.local import Local, database_of, provision
from services.notification import deliveries
from services.registration import campaigns, keys, loading, sessions
from services.registration.loading import Loaded
from services.simulation import ranges, stillness, story
from services.simulation.deeds import Hands
from services.simulation.doors import Desk, Directory, PartnerSystem
from services.simulation.player import Player
from services.simulation.stillness import Stillness
from shared.database import Database
from shared.security import Officer
from shared.settings import SERVICES

MARK = "simulation.json"
PASSWORD = "lai-chau-2023"  # noqa: S105 - the demo's accounts are samples and say so
OPERATOR = "van-hanh"
LAST_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Mark:
    """What a data folder remembers of the simulation that lives in it."""

    campaign_folder: str
    seed: int

    def write(self, data: Path) -> None:
        """Keep it in the data folder."""
        (data / MARK).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, data: Path) -> "Mark | None":
        """What a data folder remembers, or None when no simulation lives there."""
        path = data / MARK
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


class Scene:
    """A running system together with the story that is played in it."""

    def __init__(self, local: Local, mark: Mark) -> None:
        self.local, self.mark = local, mark
        self.loaded: Loaded = loading.read(Path(mark.campaign_folder))
        self.acts = story.tell(self.loaded, ranges.read(Path(mark.campaign_folder) / "story.yaml"), mark.seed)
        self.started = perf_counter()
        self.desk: Desk
        self.player: Player
        self.partners: dict[str, PartnerSystem] = {}

    @property
    def end(self) -> datetime:
        """The last instant of the story."""
        return self.acts[-1].at + timedelta(minutes=1)

    @property
    def last_hour(self) -> datetime:
        """An hour before the last deadline: here the demo hands over to the people who watch."""
        return self.loaded.campaign.ends_at.astimezone(UTC) - LAST_HOUR

    async def prepare(self) -> None:
        """Load the campaign before the services start, so that partners' streams exist when they bind."""
        start = self.loaded.campaign.starts
        now = story.local(start - timedelta(days=2), 7)
        async with database_of(self.local.settings, "registration") as database, database.write() as session:
            await campaigns.save(session, self.loaded, now, PASSWORD)
        await provision(self.local.settings)
        self.mark.write(self.local.settings.data)

    async def begin(self) -> None:
        """Open the doors; the services must run."""
        registration = self.local.services[0]
        registration.extras["demo_password"] = PASSWORD  # the sign-in page offers the sample accounts
        database: Database = registration.database

        async def open_session(login: str) -> Officer:
            async with database.read() as session:
                return await sessions.open_session(session, login)

        self.desk = Desk(self.local.town, keys.signing_key(self.local.settings), open_session)
        campaign = self.loaded.campaign
        self.partners = {p.client: PartnerSystem(self.local.settings.nats_url, p.client) for p in campaign.partners}
        identifiers = {row.key: (row.identifiers[0].scheme, row.identifiers[0].value) for row in self.loaded.units}
        hands = Hands(self.desk, Directory(identifiers), self.partners, campaign.code)
        still = Stillness(self.local.services, self._letters_due)
        self.player = Player(self.acts, hands, still, registration.jetstream)
        self.player.now = registration.clock.tick

    async def play(self, until: datetime) -> None:
        """Play from where the clock stands up to `until`, as fast as it goes."""
        await self.player.play(self.loaded.campaign, self.player.now, until)

    async def _letters_due(self) -> int:
        service = self.local.services[3]
        async with service.database.read() as session:
            return (await deliveries.books(session, service.now()))["pending_due"]

    async def close(self) -> None:
        """Close the doors."""
        await self.desk.close()
        for partner in self.partners.values():
            await partner.close()

    async def books(self) -> dict[str, Any]:
        """The whole movement in numbers, as `thidua demo --json` prints it."""
        found = {name: await self.desk.ask(OPERATOR, "GET", f"/{name}/api/books") for name in SERVICES}
        reporting, evaluation, notification = found["reporting"], found["evaluation"], found["notification"]
        ranking = await self.desk.ask(story.SECRETARY, "GET", "/evaluation/api/rankings/current")
        seen = reporting["observations"]
        return {
            "units": found["registration"]["units"],
            "reports": {k: reporting[k] for k in ("expected", "received", "on_time", "late", "missing", "returned", "corrected")},
            "observations": {k: seen[k] for k in ("received", "accepted", "rejected", "duplicate")},
            "events": await stillness.events(self.local.services),
            "notifications": {k: notification[k] for k in ("created", "delivered", "withdrawn", "failed")},
            "warnings": evaluation["warnings"],
            "ranking_hash": ranking["ranking_hash"],
            "seconds": round(perf_counter() - self.started),
        }


def imbalances(books: dict[str, Any]) -> list[str]:
    """What does not add up in the books; empty when all does."""
    reports, seen, events, letters = books["reports"], books["observations"], books["events"], books["notifications"]
    rules = {
        "reports: expected = received + missing": reports["expected"] == reports["received"] + reports["missing"],
        "reports: received = on_time + late": reports["received"] == reports["on_time"] + reports["late"],
        "observations: received = accepted + rejected + duplicate": (
            seen["received"] == seen["accepted"] + seen["rejected"] + seen["duplicate"]
        ),
        "events: recorded = published": events["recorded"] == events["published"],
        "events: applied <= published": events["applied"] <= events["published"],
        "events: none dead": events["dead"] == 0,
        "notifications: created = delivered + withdrawn + failed": (
            letters["created"] == letters["delivered"] + letters["withdrawn"] + letters["failed"]
        ),
    }
    return [rule for rule, holds in rules.items() if not holds]
