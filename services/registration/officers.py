"""Officers and their accounts: appointed by loading or by hand, disabled at once everywhere, passwords only as argon2 hashes."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select

from services.registration.loading import OfficerRow
from services.registration.models import Account
from shared import audit, outbox, security
from shared.database import ReadSession, WriteSession
from shared.events.registration import OfficerAppointed, OfficerDisabled, Role
from shared.identity import new_id
from shared.messages import Conflict, Fault, Forbidden, Message, NotFound, Refused
from shared.security import Officer

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's least for argon2id: 19 MiB and two passes, some 25 ms a sign-in."""
SHORTEST, LONGEST = 10, 200
_hashing = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
"""Few threads, so that a flood of sign-ins costs time and not memory."""


async def hash_of(password: str) -> str:
    """An argon2id hash, made outside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_hashing, HASHER.hash, password)


async def fits(password_hash: str | None, password: str) -> bool:
    """Whether the password is the account's. Without an account the same work is done, so that time tells nothing."""
    return await asyncio.get_running_loop().run_in_executor(_hashing, _fits, password_hash, password[:LONGEST])


def _fits(password_hash: str | None, password: str) -> bool:
    decoy = _decoy()
    try:
        return HASHER.verify(password_hash or decoy, password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _decoy() -> str:
    return HASHER.hash(new_id())


async def save(
    session: WriteSession, rows: Sequence[OfficerRow], ids: Mapping[str, str], now: datetime, password: str | None
) -> None:
    """Appoint the officers that a campaign's files list. `password` is given to accounts that have none: the demo's."""
    accounts = {account.login: account for account in await session.scalars(select(Account))}
    known = {row.officer: row for row in await session.execute(select(security.officers))}
    password_hash = await hash_of(password) if password else None
    for row in rows:
        account = accounts.get(row.login) or Account(
            officer=new_id(), login=row.login, revision=0, active=True, shown=row.listed, password_hash=None
        )
        account.shown = row.listed
        account.password_hash = account.password_hash or password_hash
        session.add(account)
        if not _is_same(known.get(account.officer), row, ids[row.unit]):
            await _appoint(session, account, row, ids[row.unit], now)


def _is_same(known: Any, row: OfficerRow, unit: str) -> bool:
    """A disabled officer stays disabled when the files are loaded again."""
    if known is None:
        return False
    told = (known.name, known.post, known.unit, sorted(known.roles), known.email)
    return not known.active or told == (row.name, row.post, unit, sorted(row.roles), row.email)


async def _appoint(session: WriteSession, account: Account, row: OfficerRow, unit: str, now: datetime) -> None:
    account.revision += 1
    event = OfficerAppointed(
        officer=account.officer, revision=account.revision, name=row.name, post=row.post, unit=unit, roles=row.roles, email=row.email
    )
    await security.on_officer_appointed(event, session)
    await outbox.record(session, event, now)


async def find(session: ReadSession, officer: str) -> Account:
    """The account of an officer. Raises `NotFound`."""
    found = await session.get(Account, officer)
    if found is None:
        raise NotFound(Fault("officer", Message("Không có tài khoản này.")))
    return found


async def disable(session: WriteSession, operator: Officer, officer: str, now: datetime) -> None:
    """Refuse an officer everywhere from now on. Nobody disables themselves."""
    operator.must_hold(Role.OPERATOR)
    if officer == operator.id:
        raise Forbidden(Fault("officer", Message("Không tự khóa tài khoản của mình. Nhờ một quản trị viên khác.")))
    account = await find(session, officer)
    if not account.active:
        raise Conflict(Fault("officer", Message("Tài khoản này đã bị khóa.")))
    account.active, account.revision = False, account.revision + 1
    event = OfficerDisabled(officer=officer, revision=account.revision)
    await session.flush()
    await security.on_officer_disabled(event, session)
    await outbox.record(session, event, now)
    await audit.record(session, operator, "officer.disabled", officer, now, login=account.login)


async def set_password(session: WriteSession, actor: Any, login: str, password: str, now: datetime) -> None:
    """Give an account another password; `actor` is the officer or, for a first password, whoever runs the program."""
    problem = password_problem(password, login)
    if problem:
        raise Refused(problem)
    account = await session.scalar(select(Account).where(Account.login == login))
    if account is None:
        raise NotFound(Fault("login", Message("Không có tài khoản này.")))
    account.password_hash = await hash_of(password)
    await audit.record(session, actor, "officer.password-set", account.officer, now, login=login)


def password_problem(password: str, login: str) -> Fault | None:
    """Length is what makes a password strong; kinds of characters are not asked for."""
    if not SHORTEST <= len(password) <= LONGEST:
        cure = Message("Dùng từ {least} đến {most} ký tự, ví dụ bốn từ ghép lại.", least=SHORTEST, most=LONGEST)
        return Fault("password", Message("Mật khẩu quá ngắn hoặc quá dài."), cure)
    if login.lower() in password.lower():
        return Fault("password", Message("Mật khẩu chứa tên đăng nhập."), Message("Chọn mật khẩu khác."))
    return None


async def listed(session: ReadSession) -> list[Any]:
    """Every account with what is known of its officer, by login."""
    table = security.officers
    columns = (Account.officer, Account.login, Account.active, Account.shown, Account.password_hash)
    query = select(*columns, table.c.name, table.c.post, table.c.unit, table.c.roles)
    return list(await session.execute(query.join(table, table.c.officer == Account.officer).order_by(Account.login)))
