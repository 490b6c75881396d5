"""The copies each service keeps: units by date, the clock, the audit chain, rights."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import nats
import pytest
from sqlalchemy import update

from shared import audit, clock, security, streams, units
from shared.delivery import Delivery, Meta
from shared.events.clock import MinuteTicked
from shared.events.registration import (
    Identifier,
    KeyPublished,
    OfficerAppointed,
    OfficerDisabled,
    Role,
    SessionEnded,
    UnitChanged,
    UnitVersion,
)
from shared.identity import new_id
from shared.inbox import Hears, Inbox
from shared.security import SigningKey, SignInNeeded, System
from shared.telemetry import Telemetry
from shared.testing.databases import fresh_database

NOW = datetime(2023, 10, 30, 9, 0, tzinfo=UTC)
OLD, NEW = date(2023, 10, 30), date(2025, 7, 1)


@pytest.fixture
async def database(database_kind):
    async with fresh_database("registration", database_kind) as found:
        yield found


def unit(key, *, kind="commune", parent=None, code="", first=date(2004, 1, 1), last=None, revision=1):
    identifiers = (Identifier(scheme="dvhc", value=code, valid_from=first, valid_to=last),) if code else ()
    version = UnitVersion(valid_from=first, valid_to=last, name=f"Đơn vị {key}", kind=kind, parent=parent)
    return UnitChanged(unit=key, revision=revision, versions=(version,), identifiers=identifiers)


async def keep(database, *events):
    async with database.write() as session:
        for event in events:
            await units.on_unit_changed(event, session)


async def test_a_code_that_was_reused_names_another_unit_on_another_day(database):
    ends = date(2025, 6, 30)
    await keep(database, unit("phuong-quyet-tien", code="03388", last=ends), unit("phuong-doan-ket", code="03388", first=NEW))
    async with database.read() as session:
        assert await units.resolve(session, "dvhc", "03388", OLD) == "phuong-quyet-tien"
        assert await units.resolve(session, "dvhc", "03388", NEW) == "phuong-doan-ket"
        assert await units.resolve(session, "dvhc", "99999", OLD) is None


async def test_descendants_follow_the_tree_of_the_day_and_need_no_district(database):
    ends = date(2025, 6, 30)
    await keep(
        database,
        unit("province", kind="province"), unit("district", kind="district", parent="province", last=ends),
        unit("old", parent="district", last=ends), unit("new", parent="province", first=NEW),
    )
    async with database.read() as session:
        assert await units.descendants(session, "province", OLD) == {"district", "old"}
        assert await units.descendants(session, "province", NEW) == {"new"}
        assert await units.ancestors(session, "old", OLD) == ["district", "province"]


async def test_an_older_revision_of_a_unit_changes_nothing(database):
    newer = unit("a", parent="b", revision=2)
    await keep(database, newer, unit("a", parent="c", revision=1), newer)
    async with database.read() as session:
        known = await units.known(session, "a", OLD)
        assert known is not None and known.parent == "b"


def test_search_ignores_diacritics_and_d_with_stroke():
    assert units.plain("Xã Đắk Lắk – Tủa Sín Chải") == "xa dak lak – tua sin chai"


async def test_a_tick_is_handled_once_and_an_older_one_is_ignored(database):
    handled = []

    async def work(session, now, since):
        handled.append((now, since))

    for instant in (NOW, NOW, NOW - timedelta(hours=1), NOW + timedelta(minutes=1)):
        async with database.write() as session:
            await clock.advance(session, instant, work)
    assert handled == [(NOW, None), (NOW + timedelta(minutes=1), NOW)]


def test_a_clock_that_differs_from_the_brokers_judges_by_the_brokers():
    own = clock.Clock(simulated=False)
    own.compare(datetime.now(UTC) + timedelta(minutes=10))
    assert not own.trusted
    assert abs(own.now() - datetime.now(UTC) - timedelta(minutes=10)) < timedelta(minutes=1)
    own.compare(datetime.now(UTC))
    assert own.trusted


def test_a_clock_that_jumps_is_not_believed_from_that_moment(monkeypatch):
    class Behind(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(hours=1)

    own = clock.Clock(simulated=False)
    own.compare(datetime.now(UTC))
    monkeypatch.setattr(clock, "datetime", Behind)
    assert not own.trusted
    assert abs(own.now() - datetime.now(UTC)) < timedelta(minutes=1)


async def test_the_broker_tells_its_time(nats_url):
    connection = await nats.connect(nats_url)
    await streams.provision(connection.jetstream(), streams.stream_configs([], 1), [])
    assert abs(await clock.ask(connection) - datetime.now(UTC)) < timedelta(minutes=1)
    await connection.close()


async def test_a_tick_ahead_of_the_brokers_clock_moves_no_deadline(database):
    done, hears = [], Hears("reporting")

    @hears.tick
    async def on_tick(session, now, since):
        done.append(now)

    inbox = Inbox(database, hears, Telemetry("test"), clock.Clock(simulated=False))
    for ahead in (timedelta(minutes=10), timedelta(0)):
        event = MinuteTicked(instant=NOW + ahead, mode="real")
        meta = Meta(id=new_id(), source="/thidua/clock", type=event.TYPE, time=NOW, stored=NOW)
        await inbox.apply([Delivery(None, meta, event)])
    assert done == [NOW]


async def test_twenty_writers_at_once_extend_one_unbroken_chain(database):
    async def write(number):
        async with database.write() as session:
            await audit.record(session, System(str(number), "Máy"), "test.done", "x", NOW, number=number)

    await asyncio.gather(*(write(n) for n in range(20)))
    async with database.read() as session:
        assert await audit.verify(session) == (20, None)


@pytest.mark.parametrize("change", [{"actor_name": "Người khác"}, {"previous": "0" * 64}, {"details": "{}"}])
async def test_an_altered_entry_is_the_first_that_the_verifier_names(database, change):
    async with database.write() as session:
        for number in range(5):
            await audit.record(session, System("a", "Máy"), "test.done", "x", NOW, number=number)
    async with database.write() as session:
        await session.execute(update(audit.audit).where(audit.audit.c.number == 3).values(**change))
    async with database.read() as session:
        assert (await audit.verify(session))[1] == 3


PEM_A, PEM_B = (
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA\n-----END PRIVATE KEY-----\n",
)


@pytest.fixture
async def signed_in(database):
    key = SigningKey(PEM_A)
    async with database.write() as session:
        event = KeyPublished(key=key.id, public_pem=key.public_pem, expires_at=NOW + timedelta(days=9999))
        await security.on_key_published(event, session)
        appointed = OfficerAppointed(officer="o", revision=1, name="Cán bộ", post="Chuyên viên", unit="u", roles=(Role.CLERK,))
        await security.on_officer_appointed(appointed, session)
    return key, security.signed_in("o", 1, name="Cán bộ", post="Chuyên viên", unit="u", roles=["clerk"])


async def test_a_token_is_verified_with_the_public_key_alone(database, signed_in):
    key, officer = signed_in
    async with database.read() as session:
        assert await security.verify(session, key.issue(officer, security.wall_now())) == officer


async def test_forged_expired_ended_and_outdated_sessions_are_refused(database, signed_in):
    key, officer = signed_in
    good = key.issue(officer, security.wall_now())
    forged = SigningKey(PEM_B).issue(officer, security.wall_now())
    expired = key.issue(officer, security.wall_now() - security.DAY - timedelta(seconds=1))
    async with database.read() as session:
        for token in (forged, expired, good[:-4] + "AAAA", "nonsense", ""):
            with pytest.raises(SignInNeeded):
                await security.verify(session, token)
    async with database.write() as session:
        await security.on_session_ended(SessionEnded(session=officer.session, officer="o"), session)
        with pytest.raises(SignInNeeded):
            await security.verify(session, good)


async def test_a_disabled_officer_is_refused_even_when_the_appointment_arrives_later(database, signed_in):
    key, officer = signed_in
    async with database.write() as session:
        await security.on_officer_disabled(OfficerDisabled(officer="o", revision=2), session)
        with pytest.raises(SignInNeeded):
            await security.verify(session, key.issue(officer, security.wall_now()))


@pytest.mark.parametrize("slower", ["older", "newer"])
async def test_two_ticks_in_the_hands_of_two_replicas_are_handled_one_after_the_other(database, slower):
    done: list[tuple[datetime | None, datetime]] = []

    async def work(_: object, now: datetime, since: datetime | None) -> None:
        if (now == NOW) == (slower == "older"):
            await asyncio.sleep(0.1)  # the other replica catches up meanwhile
        done.append((since, now))

    async def handle(instant: datetime) -> None:
        async with database.write() as session:
            await clock.advance(session, instant, work)

    ticks = [NOW, NOW + timedelta(minutes=1)]
    await asyncio.gather(*map(handle, ticks if slower == "older" else reversed(ticks)))
    assert [now for _, now in done] == sorted({now for _, now in done}), "in the order of time"
    assert len({since for since, _ in done}) == len(done), "nothing that fell due is done twice"
    known = clock.Clock(simulated=True)
    await known.recall(database)
    assert known.now() == ticks[1], "the newer tick counts"
