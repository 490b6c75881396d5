"""`thidua rehearse`: the last hour before a deadline, compressed, against a running deployment, in a sandbox campaign; pass or fail."""

import asyncio
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import httpx

from services import local
from services.operation import sandbox
from services.registration import campaigns, keys, loading, sessions
from services.simulation import ranges, story
from services.simulation.deeds import DEEDS, Hands
from services.simulation.doors import Declined, Desk, Directory
from services.simulation.story import SECRETARY, Act
from shared import deadletters
from shared.events.campaign import Round
from shared.messages import Refused
from shared.security import Officer, SigningKey, wall_now
from shared.settings import SERVICES, Settings

TEMPLATE = Path(__file__).parents[2] / "deploy" / "campaigns" / "lai-chau-2023"
SIDE_BY_SIDE = 12
REST_SECONDS = 0.5
Say = Callable[[str], None]


@dataclass(frozen=True)
class Thresholds:
    """What a deployment must reach; seconds."""

    answered: float = 2.0
    scored: float = 30.0
    """After the last report, until every unit's score counts it."""


@dataclass
class Outcome:
    """What the rehearsal saw. `waits`: seconds from sending to the receipt, each report's."""

    units: int = 0
    waits: list[float] = field(default_factory=list)
    again: int = 0
    refused: list[str] = field(default_factory=list)
    on_time: int = 0
    scored: int = 0
    scored_after: float = 0.0
    dead: int = 0

    def quantile(self, part: float) -> float:
        """The wait that this part of all reports does not exceed."""
        return sorted(self.waits)[min(len(self.waits) - 1, int(part * len(self.waits)))] if self.waits else float("inf")

    def verdicts(self, limits: Thresholds) -> list[tuple[bool, str]]:
        """Each promise, kept or not, with its figure."""
        return [
            (len(self.waits) == self.units, f"{len(self.waits)} of {self.units} reports accepted, {self.again} sent again after 503"),
            (self.on_time == self.units, f"{self.on_time} of {self.units} on time"),
            (self.quantile(0.99) <= limits.answered, f"answered within {self.quantile(0.99):.2f} s (p99; p50 {self.quantile(0.5):.2f}; limit {limits.answered:g})"),
            (
                self.scored == self.units and self.scored_after <= limits.scored,
                f"{self.scored} of {self.units} scored, the last {self.scored_after:.1f} s after the last report (limit {limits.scored:g})",
            ),
            (self.dead == 0, f"{self.dead} new dead letters"),
        ]


def trusting(authority: Path) -> ssl.SSLContext:
    """Certificates of this authority alone, a PEM file, are believed. Raises `Refused`."""
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:  # ssl.SSLError too, for what is no certificate
        raise Refused.because("--ca: không đọc được chứng thư gốc {file} ({reason}): hãy ghi một tệp PEM.", file=authority, reason=str(error)) from None


class Clerks(Desk):
    """Officers of the sandbox at their machines, over the network; their sessions are opened by whoever holds the signing key."""

    def __init__(self, address: str, key: SigningKey, open_session: Callable[[str], Awaitable[Officer]], *, verify: bool | ssl.SSLContext = True) -> None:
        self._key, self._open_session = key, open_session
        self._tokens = {}
        limits = httpx.Limits(max_connections=100)
        self._client = httpx.AsyncClient(base_url=address, timeout=60, limits=limits, verify=verify)

    async def knock(self) -> None:
        """Raises `Refused` when nobody answers there, or with a certificate that is not believed."""
        try:
            await self._client.get("/")
        except httpx.TransportError as error:
            raise Refused.because(
                "Không vào được {address} ({reason}): hãy sửa --address, hoặc ghi chứng thư gốc của nơi cấp chứng thư đó bằng --ca.",
                address=str(self._client.base_url), reason=str(error) or type(error).__name__,
            ) from None  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """How a rehearsal goes."""

    address: str
    units: int = 157
    minutes: float = 6.0
    prepare: float = 180.0
    """Seconds for registering, approving and the opening of the round, before the compressed hour begins."""
    seed: int = 1
    verify: bool | ssl.SSLContext = True
    """Whether, or by which authority, the certificate is judged."""
    limits: Thresholds = Thresholds()


def hour_of(plan: Plan, now: datetime) -> tuple[datetime, datetime]:
    """Its beginning and the deadline, in whole seconds as a campaign's file has them: no part of one is taken from the slowest clerk."""
    begins = (now + timedelta(seconds=plan.prepare)).replace(microsecond=0)
    return begins, begins + timedelta(seconds=ceil(plan.minutes * 60))


async def rehearse(settings: Settings, plan: Plan, say: Say) -> Outcome:
    """Rehearse; `settings` reach the databases and the signing key, for the sandbox is loaded and its sessions are opened there."""
    begins, deadline = hour_of(plan, wall_now())
    code = f"{sandbox.PREFIX}{begins:%Y%m%d-%H%M%S}"
    with tempfile.TemporaryDirectory(prefix="thidua-rehearsal-") as name:
        sandbox.make(TEMPLATE, Path(name), code, deadline)
        loaded = loading.read(Path(name))
        acts = story.tell(loaded, ranges.read(Path(name) / "story.yaml"), plan.seed)
        played = sandbox.pared(loaded)
    async with local.database_of(settings, "registration") as database:

        async def open_session(login: str) -> Officer:
            async with database.read() as session:
                return await sessions.open_session(session, login)

        clerks = Clerks(plan.address.rstrip("/"), keys.signing_key(settings), open_session, verify=plan.verify)
        try:
            await clerks.knock()
            async with database.write() as session:
                await campaigns.save(session, played, wall_now())
            identifiers = {row.key: (row.identifiers[0].scheme, row.identifiers[0].value) for row in loaded.units}
            hands = Hands(clerks, Directory(identifiers), {}, code)
            before = await _dead_letters(settings)
            outcome = await Rehearsal(plan, hands, clerks, say, begins, played.campaign.rounds[0]).run(acts)
        finally:
            await clerks.close()
    outcome.dead = await _dead_letters(settings) - before
    return outcome


async def _dead_letters(settings: Settings) -> int:
    number = 0
    for service in SERVICES:
        async with local.database_of(settings, service) as database, database.read() as session:
            number += await deadletters.count(session)
    return number


def chosen(acts: Sequence[Act], first: Round, units: int) -> tuple[list[Act], list[Act]]:
    """Each unit's first registration and a report of the first round, of as many units as are wanted (or there are).

    Some units miss the first round in the story: they tell their first figures as of its cutoff all the same.
    """
    registering = {act.unit: act for act in reversed(acts) if act.kind == "register"}
    reports = {act.unit: act for act in reversed(acts) if act.kind == "report"}
    names = sorted(registering.keys() & reports.keys())[:units]
    return [registering[name] for name in names], [_told_in(first, reports[name]) for name in names]


def _told_in(first: Round, act: Act) -> Act:
    values = [{**value, "as_of": first.cutoff} for value in act.data["values"]]
    return replace(act, order=0, data={**act.data, "round": first.code, "values": values})


class Rehearsal:
    """One run: prepare, the hour, count."""

    def __init__(self, plan: Plan, hands: Hands, clerks: Clerks, say: Say, begins: datetime, first: Round) -> None:
        self.plan, self.hands, self.clerks, self.say, self.begins, self.first = plan, hands, clerks, say, begins, first
        self.outcome = Outcome()
        self.secretary = sandbox.PREFIX + SECRETARY

    async def run(self, acts: Sequence[Act]) -> Outcome:
        """Everything; returns what was seen."""
        registering, reports = chosen(acts, self.first, self.plan.units)
        self.outcome.units = len(reports)
        all_there_are = " (there are no more)" if len(reports) < self.plan.units else ""
        self.say(f"{self.hands.campaign}: {len(reports)} units register{all_there_are}")
        await self._side_by_side([self._register(act) for act in registering])
        await self._until(self._expected, "the round is not open in time for every unit")
        self.say(f"the hour begins: {self.plan.minutes:g} minutes")
        await self._hour(reports)
        last = perf_counter()
        await self._until(self._all_scored, "", seconds=self.plan.limits.scored * 2)
        self.outcome.scored_after = perf_counter() - last
        self.outcome.on_time = (await self._standing())["on_time"]
        return self.outcome

    async def _register(self, act: Act) -> None:
        await DEEDS["register"](self.hands, act)
        path = f"/registration/api/participations/{self.hands.ids['participation', act.unit]}/approve"
        await self.clerks.ask(self.secretary, "POST", path, {})

    async def _side_by_side(self, work: Sequence[Awaitable[None]]) -> None:
        gate = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(task: Awaitable[None]) -> None:
            async with gate:
                await task

        await asyncio.gather(*map(one, work))

    async def _hour(self, reports: Sequence[Act]) -> None:
        """As on the day: few at the beginning, most in the last ten minutes; the last tenth is left free for the slowest clerk."""
        random = Random(self.plan.seed)
        length = self.plan.minutes * 60
        started = max(0.0, (self.begins - datetime.now(UTC)).total_seconds())
        offsets = [started + 0.9 * length * random.random() ** (1 / 3) for _ in reports]
        await asyncio.gather(*(self._report(act, offset) for act, offset in zip(reports, offsets, strict=True)))

    async def _report(self, act: Act, offset: float) -> None:
        await asyncio.sleep(offset)
        sent = perf_counter()
        for _ in range(10):
            try:
                await DEEDS["report"](self.hands, act)
            except Declined as refusal:
                if ": 503 " not in str(refusal) and ": 502 " not in str(refusal):
                    self.outcome.refused.append(str(refusal))
                    return
                self.outcome.again += 1
            except httpx.TransportError:  # a replica that is being replaced: the clerk presses once more, with the same key
                self.outcome.again += 1
            else:
                self.outcome.waits.append(perf_counter() - sent)
                return
            await asyncio.sleep(REST_SECONDS)
        self.outcome.refused.append(f"{act.unit}: not taken in ten attempts")

    async def _standing(self) -> dict[str, int]:
        path = f"/reporting/api/completeness?campaign={self.hands.campaign}&round={self.first.code}"
        counts: dict[str, int] = (await self.clerks.ask(self.secretary, "GET", path))["counts"]
        return counts

    async def _expected(self) -> bool:
        try:
            counts = await self._standing()
        except Declined:  # reporting has not heard of the sandbox yet
            return False
        return counts["expected"] >= self.outcome.units and await self._is_open()

    async def _is_open(self) -> bool:
        path = f"/reporting/api/rounds?campaign={self.hands.campaign}"
        found: list[dict[str, Any]] = await self.clerks.ask(self.secretary, "GET", path)
        return any(row["round"] == self.first.code and row["state"] == "open" for row in found)

    async def _all_scored(self) -> bool:
        path = f"/evaluation/api/rankings/current?campaign={self.hands.campaign}"
        clusters = (await self.clerks.ask(self.secretary, "GET", path))["clusters"]
        self.outcome.scored = sum(1 for cluster in clusters for unit in cluster["ranked"] if unit["report_revision"])
        return self.outcome.scored >= len(self.outcome.waits)

    async def _until(self, condition: Callable[[], Awaitable[bool]], otherwise: str, seconds: float = 0) -> None:
        last = perf_counter() + (seconds or self.plan.prepare)
        while not await condition():
            if perf_counter() > last:
                if otherwise:
                    raise Refused.because("Diễn tập không bắt đầu được: {reason}. Hãy xem thidua doctor.", reason=otherwise)
                return
            await asyncio.sleep(REST_SECONDS)
