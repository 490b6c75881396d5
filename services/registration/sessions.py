"""Sign-in and sign-out. Sessions live by the wall's time whatever the campaign's clock says."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from services.registration import officers
from services.registration.models import Account, FailedSignIn
from shared import audit, outbox, security
from shared.database import Database, ReadSession, WriteSession
from shared.events.registration import SessionEnded
from shared.inbox import lock
from shared.messages import Fault, Message, NotFound, Overloaded
from shared.security import Officer, SignInNeeded

ATTEMPTS = 5
REST = timedelta(minutes=15)
"""After `ATTEMPTS` failures an account rests for this address alone: nobody can lock somebody else out from elsewhere."""


class TooManyAttempts(Overloaded):
    """Too many failed sign-ins to this account from this address; others are not held up."""

    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(Fault("login", Message("Đăng nhập sai nhiều lần. Đồng chí hãy thử lại sau {minutes} phút.", minutes=-(-seconds // 60))))
        self.retry_after = seconds


async def sign_in(database: Database, login: str, password: str, address: str, wall: datetime) -> Officer:
    """The officer whose login and password these are, with a new session. Raises `SignInNeeded` or `TooManyAttempts`.

    Takes the database, not a session: hashing takes long and must not hold the writer, and a failure must be kept although
    the request is refused. Unknown login, wrong password and disabled account take the same time and get the same words.
    """
    login, address = login.strip().lower()[:255], address[:64]
    async with database.read() as session:
        await _must_not_rest(session, login, address, wall)
        account = await session.scalar(select(Account).where(Account.login == login))
    right = await officers.fits(account.password_hash if account else None, password)
    async with database.write() as session:
        if right and account and account.active:
            await session.execute(delete(FailedSignIn).where(FailedSignIn.login == login, FailedSignIn.address == address))
            officer = await open_session(session, login)
            await audit.record(session, officer, "session.opened", officer.session, wall, address=address)
            return officer
        await _count_failure(session, login, address, wall)
    raise SignInNeeded(Fault("login", Message("Tên đăng nhập hoặc mật khẩu không đúng.")))


async def open_session(session: ReadSession, login: str) -> Officer:
    """A new session of a login's officer, without asking for a password: for whoever holds the signing key."""
    table = security.officers
    query = select(table).join(Account, Account.officer == table.c.officer).where(Account.login == login, Account.active)
    row = (await session.execute(query)).first()
    if row is None:
        raise NotFound(Fault("login", Message("Không có tài khoản này.")))
    return security.signed_in(row.officer, row.revision, name=row.name, post=row.post, unit=row.unit, roles=row.roles)


async def _must_not_rest(session: ReadSession, login: str, address: str, wall: datetime) -> None:
    found = await session.get(FailedSignIn, (login, address))
    if found and found.failures >= ATTEMPTS and (left := found.since + REST - wall) > timedelta(0):
        raise TooManyAttempts(int(left.total_seconds()) + 1)


async def _count_failure(session: WriteSession, login: str, address: str, wall: datetime) -> None:
    """Count, and forget what has rested long enough: made-up logins must not fill the table."""
    await lock(session, [f"sign-in|{login}|{address}"])
    await session.execute(delete(FailedSignIn).where(FailedSignIn.since < wall - REST))
    found = await session.get(FailedSignIn, (login, address))
    if found is None:
        session.add(FailedSignIn(login=login, address=address, failures=1, since=wall))
    else:
        found.failures, found.since = found.failures + 1, wall


async def sign_out(session: WriteSession, officer: Officer, now: datetime) -> None:
    """End this session everywhere though its token has not expired."""
    event = SessionEnded(session=officer.session, officer=officer.id)
    await security.on_session_ended(event, session)
    await outbox.record(session, event, now)
    await audit.record(session, officer, "session.ended", officer.session, now)
