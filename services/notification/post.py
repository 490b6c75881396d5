"""The post: takes queued e-mails to the mail server. An e-mail leaves at least once, always with the same Message-ID."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPRecipientsRefused, SMTPServerDisconnected
from opentelemetry.trace import SpanKind
from sqlalchemy import Row, Select, and_, or_, select, update

from services.notification import deliveries, digests, texts
from services.notification.mail import Mail, Unsendable, build
from services.notification.models import deliveries as table
from services.notification.models import letters, open_ones
from services.notification.rules import BY_CODE, Channel, State, next_attempt
from shared import telemetry
from shared.database import WriteSession
from shared.messages import LANGUAGES
from shared.security import officers, wall_now
from shared.service import Service
from shared.settings import SettingsRefused
from shared.telemetry import Telemetry

log = logging.getLogger(__name__)

BATCH = 20
BATCH_SECONDS = 0.5
"""A transaction takes no longer than this and the mail in hand, and one mail at least: on SQLite nothing else is written meanwhile."""
POLL_SECONDS = 0.5
TIMEOUT_SECONDS = 10.0
PERMANENT = 500
ERROR_LIMIT = 400
LANGUAGE = LANGUAGES[0]
SCHEMES = {"smtp": False, "smtps": True}
GONE = (SMTPServerDisconnected, OSError)


class Outcome(StrEnum):
    """What became of an attempt to send an e-mail."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    FAILED = "failed"


def prepare(telemetry: Telemetry) -> None:
    """An e-mail becomes one of these."""
    telemetry.campaigns.expect(telemetry.letters, [Channel.EMAIL], Outcome)


def server(url: str) -> SMTP:
    """A client for `smtp://host:port` or `smtps://user:password@host`; not connected yet. Raises `SettingsRefused`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingsRefused("THIDUA_SMTP_URL: write smtp://host:port or smtps://user:password@host.") from None
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise SettingsRefused("THIDUA_SMTP_URL: write smtp://host:port or smtps://user:password@host.")
    return SMTP(
        hostname=parts.hostname, port=port, use_tls=SCHEMES[parts.scheme], timeout=TIMEOUT_SECONDS,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )  # fmt: skip


async def deliver(service: Service) -> None:
    """The service's job: e-mails leave as they are queued, until cancelled. Without a mail server the channel is shut."""
    url = service.settings.smtp_url
    async with service.database.write() as session:
        await deliveries.open_channel(session, Channel.EMAIL, is_open=bool(url))
    post = Post(service)
    while url:
        if not await post.deliver_due(wall_now()):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(service.database.committed.wait(), POLL_SECONDS)


class Post:
    """Sends what is queued over one connection, a batch per transaction.

    E-mails leave inside the transaction that marks them, with their rows held: a report that would withdraw a reminder waits for
    the one just leaving, and none leaves after it. A crash in between leaves the row queued, and the mail is sent once more.
    """

    def __init__(self, service: Service) -> None:
        self.service, self.database, self.telemetry = service, service.database, service.telemetry

    async def deliver_due(self, wall: datetime) -> int:
        """Try every queued e-mail that is due at `wall`, the real time; returns how many were tried."""
        async with self.database.read() as session:
            waiting = (await session.execute(_due(wall).limit(1))).first()
        if waiting is None:
            return 0
        smtp = server(self.service.settings.smtp_url)
        try:
            await smtp.connect()
        except (SMTPException, OSError) as error:
            return await self._postpone_all(wall, error)
        try:
            return await self._send_all(smtp, wall)
        finally:
            with contextlib.suppress(SMTPException, OSError):
                await smtp.quit()

    async def _send_all(self, smtp: SMTP, wall: datetime) -> int:
        tried = 0
        while smtp.is_connected:
            handled = await self._send_batch(smtp, wall)
            tried += handled
            if not handled:
                break
        return tried

    async def _send_batch(self, smtp: SMTP, wall: datetime) -> int:
        started, taken, handled = monotonic(), [], 0
        async with self.database.write() as session:
            query = _due(wall).limit(BATCH).with_for_update(skip_locked=True, of=table)
            rows = (await session.execute(query)).all()
            if await digests.refresh(session, rows):
                rows = (await session.execute(query)).all()
            words = await texts.words_for(session, rows)
            for row in rows:
                if not smtp.is_connected or (handled and monotonic() - started > BATCH_SECONDS):
                    break
                handled += 1
                with self.telemetry.span(
                    telemetry.SPAN_LETTER, telemetry.parent_of(row.traceparent), SpanKind.CLIENT,
                    **{
                        telemetry.CHANNEL: Channel.EMAIL, telemetry.SERVICE: self.service.name, telemetry.EVENT_ID: row.event,
                        **self.telemetry.campaign_tag(row.campaign),
                    },
                ):  # fmt: skip
                    if await self._send(session, smtp, row, self._mail(row, words.write(row, LANGUAGE), wall)):
                        taken.append(row)
            await deliveries.sent(session, taken, self.service.now())
        for row in taken:
            self._count(row, Outcome.DELIVERED)
        return handled

    async def _send(self, session: WriteSession, smtp: SMTP, row: Row[Any], mail: Mail) -> bool:
        """True when the mail server took the mail; otherwise the row says what is next."""
        if not (row.active and row.email):
            await _end(session, row, State.WITHDRAWN, "no address")
            return False
        try:
            await smtp.sendmail(mail.sender, [mail.address], build(mail))
        except Unsendable as error:
            await self._fail(session, row, error)
        except (SMTPException, OSError) as error:
            if isinstance(error, GONE):
                smtp.close()
            await self._try_later(session, row, error, mail.written)
        else:
            return True
        return False

    async def _try_later(self, session: WriteSession, row: Row[Any], error: Exception, wall: datetime) -> None:
        again = None if _is_permanent(error) else next_attempt(row.attempts + 1, wall)
        if again is None:
            await self._fail(session, row, error)
            return
        log.warning("letter %s not sent (attempt %d), again at %s: %s", row.letter, row.attempts + 1, again, error)
        values = {"attempts": row.attempts + 1, "next_attempt": again, "error": _told(error)}
        await session.execute(update(table).where(table.c.delivery == row.delivery).values(values))
        self._count(row, Outcome.RETRIED)

    async def _fail(self, session: WriteSession, row: Row[Any], error: Exception) -> None:
        log.error("letter %s failed after %d attempts: %s", row.letter, row.attempts + 1, error)
        await _end(session, row, State.FAILED, _told(error), row.attempts + 1)
        self._count(row, Outcome.FAILED)

    async def _postpone_all(self, wall: datetime, error: Exception) -> int:
        """The mail server does not answer: every e-mail that is due has had an attempt."""
        log.warning("mail server not reached: %s", error)
        async with self.database.write() as session:
            rows = (await session.execute(_due(wall).with_for_update(skip_locked=True, of=table))).all()
            for row in rows:
                await self._try_later(session, row, error, wall)
        return len(rows)

    def _mail(self, row: Row[Any], text: texts.Text, wall: datetime) -> Mail:
        public = self.service.settings.public_url.rstrip("/")
        body = texts.as_mail(
            text, LANGUAGE, name=row.name, link=f"{public}/notification/letters/{row.letter}" if public else "",
            rule=BY_CODE[row.rule].title.render(LANGUAGE), event=row.event, trace=telemetry.trace_id_of(row.traceparent) or "",
        )  # fmt: skip
        return Mail(self.service.settings.mail_from, row.name, row.email or "", text.subject, body, row.message_id, wall)

    def _count(self, row: Row[Any], outcome: Outcome) -> None:
        self.telemetry.letters.labels(self.telemetry.campaigns.of(row.campaign), Channel.EMAIL, outcome).inc()


def _due(wall: datetime) -> Select[Any]:
    rest_is_over = or_(table.c.next_attempt.is_(None), table.c.next_attempt <= wall)
    return (
        select(table, *(c for c in letters.c if c.name != "letter"), officers.c.name, officers.c.email, officers.c.active)
        .join(letters, letters.c.letter == table.c.letter)
        .outerjoin(officers, officers.c.officer == table.c.officer)
        .where(and_(open_ones, table.c.state == State.QUEUED, table.c.channel == Channel.EMAIL, rest_is_over))
        .order_by(table.c.due_at, table.c.delivery)
    )


async def _end(session: WriteSession, row: Row[Any], state: State, error: str, attempts: int | None = None) -> None:
    values = {"state": state, "error": error, "attempts": row.attempts if attempts is None else attempts, "next_attempt": None}
    await session.execute(update(table).where(table.c.delivery == row.delivery).values(values))


def _is_permanent(error: Exception) -> bool:
    """True when the mail server refused this recipient or this content for good."""
    if isinstance(error, SMTPRecipientsRefused):
        return _all_permanent([refused.code for refused in error.recipients])
    return isinstance(error, SMTPDataError) and error.code >= PERMANENT


def _all_permanent(codes: Sequence[int]) -> bool:
    return bool(codes) and all(code >= PERMANENT for code in codes)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:ERROR_LIMIT]
