"""Who may come in, and who no longer."""

import dataclasses
import stat
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from services.registration import campaigns, keys, officers, sessions
from services.registration.models import Account, FailedSignIn
from services.registration.sessions import ATTEMPTS, REST, TooManyAttempts
from shared import security
from shared import settings as configuration
from shared.database import Database
from shared.events.registration import KeyPublished, OfficerAppointed, OfficerDisabled, SessionEnded
from shared.messages import Conflict, Forbidden, NotFound, Refused
from shared.security import Officer, SignInNeeded
from tests.registration.conftest import PASSWORD, REGISTERING, said, small

WALL = datetime(2026, 3, 2, 8, tzinfo=UTC)
CLERK = "xa-ta-tong.clerk"


async def sign_in(database: Database, password: str, login: str = CLERK, address: str = "10.0.0.1", wall: datetime = WALL) -> Officer:
    return await sessions.sign_in(database, login, password, address, wall)


async def test_the_right_password_opens_a_session_with_the_officers_rights(database: Database) -> None:
    officer = await sign_in(database, PASSWORD, " XA-Ta-Tong.clerk ")
    assert (officer.name, sorted(officer.roles)) == ("Lò Thị Mẫu", ["clerk"])
    assert officer.session != (await sign_in(database, PASSWORD)).session


@pytest.mark.parametrize(("login", "password"), [(CLERK, "sai mat khau"), ("khong-co", PASSWORD), (CLERK, ""), ("", "")])
async def test_a_wrong_password_and_an_unknown_login_get_the_same_words(database: Database, login: str, password: str) -> None:
    with pytest.raises(SignInNeeded) as refused:
        await sign_in(database, password, login)
    assert [f.problem.vi for f in refused.value.faults] == ["Tên đăng nhập hoặc mật khẩu không đúng."]


class Counting:
    """The real hasher, with a count of what it verified."""

    def __init__(self) -> None:
        self.real, self.verified = officers.HASHER, 0

    def hash(self, password: str) -> str:
        return self.real.hash(password)

    def verify(self, known: str, given: str) -> bool:
        self.verified += 1
        return self.real.verify(known, given)


async def test_an_unknown_login_costs_as_much_work_as_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting()
    monkeypatch.setattr(officers, "HASHER", counting)
    assert not await officers.fits(None, PASSWORD)
    assert await officers.fits(await officers.hash_of(PASSWORD), PASSWORD)
    assert counting.verified == 2


async def test_failures_make_an_account_rest_for_that_address_only_and_not_for_long(database: Database) -> None:
    for _ in range(ATTEMPTS):
        with pytest.raises(SignInNeeded):
            await sign_in(database, "sai mat khau")
    with pytest.raises(TooManyAttempts) as refused:
        await sign_in(database, PASSWORD)
    assert refused.value.status == 429
    assert 0 < refused.value.retry_after <= REST.total_seconds() + 1
    assert await sign_in(database, PASSWORD, address="10.0.0.2")
    assert await sign_in(database, PASSWORD, login="xa-ta-tong.head")
    assert await sign_in(database, PASSWORD, wall=WALL + REST + timedelta(seconds=1))


async def test_a_success_forgets_the_failures_and_old_failures_are_cleared_away(database: Database) -> None:
    for login in ("la", "lung", CLERK):
        with pytest.raises(SignInNeeded):
            await sign_in(database, "sai mat khau", login)
    await sign_in(database, PASSWORD)
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(FailedSignIn)) == 2
    with pytest.raises(SignInNeeded):
        await sign_in(database, "sai mat khau", wall=WALL + 2 * REST)
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(FailedSignIn)) == 1


async def test_a_disabled_officer_is_refused_at_once_and_stays_refused_when_the_files_are_loaded_again(database: Database, officer) -> None:
    operator, clerk = await officer("van-hanh"), await officer(CLERK)
    token = await token_of(database, clerk)
    async with database.write() as session:
        await officers.disable(session, operator, clerk.id, REGISTERING)
    async with database.read() as session:
        with pytest.raises(SignInNeeded):
            await security.verify(session, token)
        with pytest.raises(NotFound):
            await sessions.open_session(session, CLERK)
    with pytest.raises(SignInNeeded):
        await sign_in(database, PASSWORD)
    (event,) = await said(database, OfficerDisabled)
    assert (event.officer, event.revision) == (clerk.id, 2)
    async with database.write() as session:
        await campaigns.save(session, dataclasses.replace(small(), fingerprint="again"), REGISTERING, PASSWORD)
    assert [e for e in await said(database, OfficerAppointed) if e.officer == clerk.id and e.revision > 1] == []
    with pytest.raises(SignInNeeded):
        await sign_in(database, PASSWORD)


async def token_of(database: Database, officer: Officer) -> str:
    key = keys.signing_key(configuration.load({}, data=Path(tempfile.mkdtemp())))
    async with database.write() as session:
        await keys.publish(session, key, security.wall_now(), REGISTERING)
    return key.issue(officer, security.wall_now())


async def test_only_an_operator_disables_and_not_themselves(database: Database, officer) -> None:
    operator, secretary, clerk = await officer("van-hanh"), await officer("hoi-dong.thu-ky"), await officer(CLERK)
    async with database.write() as session:
        for actor, target in ((secretary, clerk.id), (operator, operator.id)):
            with pytest.raises(Forbidden):
                await officers.disable(session, actor, target, REGISTERING)
        with pytest.raises(NotFound):
            await officers.disable(session, operator, "khong-co", REGISTERING)
        await officers.disable(session, operator, clerk.id, REGISTERING)
        with pytest.raises(Conflict):
            await officers.disable(session, operator, clerk.id, REGISTERING)


async def test_a_session_that_was_ended_is_refused_though_its_token_has_not_expired(database: Database, officer) -> None:
    clerk = await officer(CLERK)
    token = await token_of(database, clerk)
    async with database.write() as session:
        assert (await security.verify(session, token)).id == clerk.id
        await sessions.sign_out(session, clerk, REGISTERING)
    async with database.read() as session:
        with pytest.raises(SignInNeeded):
            await security.verify(session, token)
    assert [e.session for e in await said(database, SessionEnded)] == [clerk.session]


async def test_a_password_is_kept_only_as_an_argon2_hash_and_can_be_changed(database: Database, officer) -> None:
    clerk = await officer(CLERK)
    async with database.write() as session:
        for weak in ("ngan", "x" * 201, f"{CLERK} 2023"):
            with pytest.raises(Refused):
                await officers.set_password(session, clerk, CLERK, weak, REGISTERING)
        await officers.set_password(session, clerk, CLERK, "nam sau bay tam", REGISTERING)
    with pytest.raises(SignInNeeded):
        await sign_in(database, PASSWORD)
    assert await sign_in(database, "nam sau bay tam")
    async with database.read() as session:
        hashes = set(await session.scalars(select(Account.password_hash)))
    assert len(hashes) == 2
    assert all(h and h.startswith("$argon2id$") for h in hashes)


def test_the_signing_key_is_made_once_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = configuration.load({}, data=tmp_path / "data")
    first, second = keys.signing_key(settings), keys.signing_key(settings)
    assert first.id == second.id
    assert stat.S_IMODE((tmp_path / "data" / "signing-key.pem").stat().st_mode) == 0o600
    given = configuration.load({}, data=tmp_path, signing_key=(tmp_path / "data" / "signing-key.pem").read_text())
    assert keys.signing_key(given).id == first.id
    assert not (tmp_path / "signing-key.pem").exists()


async def test_a_public_key_is_told_once_and_again_before_it_ends(database: Database, tmp_path: Path) -> None:
    key = keys.signing_key(configuration.load({}, data=tmp_path))
    for wall in (WALL, WALL + timedelta(days=1), WALL + keys.LIFE - timedelta(days=10)):
        async with database.write() as session:
            await keys.publish(session, key, wall, REGISTERING)
    assert [e.expires_at for e in await said(database, KeyPublished)] == [WALL + keys.LIFE, WALL + 2 * keys.LIFE - timedelta(days=10)]
