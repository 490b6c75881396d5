"""Loading a movement, and where it stands as time passes."""

import dataclasses
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from services.registration import campaigns, officers, partners, phases, subscribers, units
from services.registration.loading import Loaded, LoadingRefused
from services.registration.models import CampaignPhase, Membership
from shared import audit, security
from shared import campaigns as known
from shared.database import Database
from shared.delivery import Meta
from shared.events.campaign import Phase
from shared.events.evaluation import RankingFrozen
from shared.events.registration import (
    CampaignAdvanced,
    CampaignPublished,
    OfficerAppointed,
    ParticipationApproved,
    PartnerRegistered,
    UnitChanged,
    UnitsSucceeded,
)
from shared.messages import Conflict, Forbidden
from shared.testing.databases import fresh_database
from tests.registration.conftest import BEFORE, FOLDER, PASSWORD, REGISTERING, approved, said, small

CODE = "lai-chau-2023"
CLOSE = datetime(2023, 10, 30, 10, tzinfo=UTC)


async def load(database: Database, loaded: Loaded, now: datetime = REGISTERING) -> campaigns.Outcome:
    async with database.write() as session:
        return await campaigns.save(session, loaded, now, PASSWORD)


async def tick(database: Database, now: datetime) -> None:
    async with database.write() as session:
        await subscribers.on_tick(session, now, None)


async def phase(database: Database) -> Phase:
    async with database.read() as session:
        return await known.phase_of(session, CODE)


async def test_the_real_folder_loads_with_every_unit_officer_and_merger() -> None:
    async with fresh_database("registration") as database:
        async with database.write() as session:
            outcome = await campaigns.load(session, FOLDER, BEFORE)
        assert (outcome.version, outcome.changed) == (1, True)
        assert len(await said(database, UnitChanged)) == 1 + 8 + 106 + 40 + 60 + 38
        assert len(await said(database, UnitsSucceeded)) == 38
        assert len(await said(database, CampaignPublished)) == 1
        async with database.read() as session:
            assert len(await officers.listed(session)) == len(await said(database, OfficerAppointed))
            assert (await audit.verify(session)) == (1, None)


async def test_a_folder_with_a_fault_loads_nothing(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "broken")
    text = (folder / "campaign.yaml").read_text(encoding="utf-8")
    (folder / "campaign.yaml").write_text(text.replace("direction: lower", "direction: sideways", 1), encoding="utf-8")
    async with fresh_database("registration") as database:
        with pytest.raises(LoadingRefused):
            async with database.write() as session:
                await campaigns.load(session, folder, BEFORE)
        assert await said(database) == []


async def test_loading_the_same_content_again_changes_nothing(database: Database) -> None:
    before = await said(database)
    assert await load(database, small(), CLOSE) == campaigns.Outcome(CODE, 1, changed=False)
    assert await said(database) == before


async def test_a_changed_file_makes_a_new_version_and_tells_only_what_changed(database: Database) -> None:
    before = await said(database)
    changed = dataclasses.replace(
        small(),
        units=tuple(dataclasses.replace(u, position=999) if u.key == "xa-ta-tong" else u for u in small().units),
        officers=tuple(dataclasses.replace(o, post="Chức vụ mới") if o.login == "xa-ta-tong.clerk" else o for o in small().officers),
        fingerprint="another",
    )
    assert await load(database, changed) == campaigns.Outcome(CODE, 2, changed=True)
    told = (await said(database))[len(before):]
    assert [type(event) for event in told] == [CampaignPublished, UnitChanged, OfficerAppointed]
    assert [event.revision for event in told] == [2, 2, 2]
    async with database.read() as session:
        assert [v.version for v in await campaigns.versions(session, CODE)] == [2, 1]


async def test_a_unit_that_changes_its_cluster_takes_part_in_the_new_one_and_keeps_its_past(database: Database, officer) -> None:
    clerk, secretary = await officer("xa-ta-tong.clerk"), await officer("hoi-dong.thu-ky")
    await approved(database, clerk, secretary)
    moved = dataclasses.replace(
        small(),
        units=tuple(dataclasses.replace(u, cluster="cum-xa-vung-thap") if u.key == "xa-ta-tong" else u for u in small().units),
        fingerprint="moved",
    )
    later = REGISTERING + timedelta(days=30)
    await load(database, moved, later)
    assert [e.cluster for e in await said(database, ParticipationApproved)] == ["cum-xa-vung-cao", "cum-xa-vung-thap"]
    async with database.read() as session:
        assert await units.cluster_of(session, CODE, clerk.unit, date(2023, 6, 30)) == "cum-xa-vung-cao"
        assert await units.cluster_of(session, CODE, clerk.unit, date(2023, 7, 1)) == "cum-xa-vung-thap"
        rows = list(await session.scalars(select(Membership).where(Membership.unit == clerk.unit)))
        assert len(rows) == 2


async def test_a_partner_that_the_file_names_no_longer_may_publish_no_longer(database: Database) -> None:
    without = dataclasses.replace(small(), campaign=small().campaign.model_copy(update={"partners": ()}), fingerprint="without")
    await load(database, without)
    assert [(e.client, e.revision, e.active) for e in await said(database, PartnerRegistered)] == [("kho-bac", 1, True), ("kho-bac", 2, False)]
    async with database.read() as session:
        assert await partners.clients(session) == []


async def test_time_brings_the_phases_each_at_its_own_instant_even_when_ticks_are_far_apart() -> None:
    async with fresh_database("registration") as database:
        await load(database, small(), BEFORE)
        assert await phase(database) is Phase.LAUNCHED
        await tick(database, CLOSE + timedelta(days=2))
        told = [(e.revision, e.phase, e.at) for e in await said(database, CampaignAdvanced)]
        assert told == [
            (1, Phase.LAUNCHED, BEFORE),
            (2, Phase.REGISTERING, datetime(2023, 5, 29, 17, tzinfo=UTC)),
            (3, Phase.RUNNING, datetime(2023, 6, 20, 17, tzinfo=UTC)),
            (4, Phase.CLOSED, CLOSE),
        ]
        await tick(database, CLOSE + timedelta(days=3))
        assert len(await said(database, CampaignAdvanced)) == 4


async def test_the_secretary_opens_the_review_once_the_movement_is_closed_and_the_frozen_ranking_ends_it(database: Database, officer) -> None:
    secretary, clerk = await officer("hoi-dong.thu-ky"), await officer("xa-ta-tong.clerk")
    campaign = small().campaign
    with pytest.raises(Conflict):
        await open_review(database, secretary)
    await tick(database, CLOSE)
    with pytest.raises(Forbidden):
        await open_review(database, clerk)
    await open_review(database, secretary)
    assert await phase(database) is Phase.REVIEWING
    frozen = RankingFrozen(
        campaign=campaign.code, revision=1, rules_version="1", campaign_version=1, ranking_hash="x", clusters=(), decided_by="y", at=CLOSE
    )
    for _ in range(2):
        async with database.write() as session:
            await subscribers.on_ranking_frozen(frozen, session, Meta("1", "/thidua/evaluation", frozen.TYPE, CLOSE))
    assert await phase(database) is Phase.RANKED
    async with database.read() as session:
        rows = list(await session.scalars(select(CampaignPhase.phase).order_by(CampaignPhase.revision)))
    assert rows == ["launched", "registering", "running", "closed", "reviewing", "ranked"]


async def open_review(database: Database, officer: security.Officer) -> None:
    async with database.write() as session:
        await phases.open_review(session, officer, await campaigns.chosen(session, None), CLOSE)
