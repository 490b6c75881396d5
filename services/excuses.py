"""What is said, in a sentence with its cure, of an error that somebody outside the program can mend."""

import errno
import sqlite3
from pathlib import Path

import asyncpg
from nats.errors import NoServersError
from nats.errors import TimeoutError as NatsTimeout
from nats.js.errors import NoStreamResponseError, NotFoundError, ServiceUnavailableError
from sqlalchemy.exc import DBAPIError

from shared.broker import Silent
from shared.bundled import BrokerMissing
from shared.messages import Refused
from shared.settings import PREFIX, Settings, SettingsRefused

SILENT = "broker: JetStream does not answer; turn it on in nats-server's configuration, or wait until the cluster has a leader."
EXCUSES: dict[type[Exception], str] = {
    NoServersError: "broker: nothing answers; start it, or correct THIDUA_NATS_URL.",
    Silent: "broker: what listens there takes the connection and says nothing; restart it if it hangs, or correct THIDUA_NATS_URL.",
    NoStreamResponseError: "broker: no stream takes this event; is the partner registered, and has `thidua provision` been run?",
    NotFoundError: "broker: a stream or durable is missing; run `thidua provision`.",
    ServiceUnavailableError: SILENT,
    NatsTimeout: SILENT,
}

WRITTEN_TO = "THIDUA_DATA, THIDUA_BACKUPS, --to, PostgreSQL's"


def reason(error: BaseException) -> str:
    """Why, in one line: what the driver or the system said, without the statement and the address that SQLAlchemy adds."""
    return next(iter(str(getattr(error, "orig", None) or error).splitlines()), "") or type(error).__name__


def is_full(error: BaseException) -> bool:
    """True when there is no space left, on a disk of ours or of the database."""
    if isinstance(error, DBAPIError):
        return getattr(error.orig, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL or isinstance(getattr(error.orig, "__cause__", None), asyncpg.DiskFullError)
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def sentences(error: Exception, settings: Settings | None = None) -> list[str]:
    """One for each fault that the error names; none for the program's own errors, which need their traceback."""
    match error:
        case SettingsRefused() | BrokerMissing():
            return [str(error)]
        case Refused():
            return [fault.render("vi") for fault in error.faults]
        case _ if is_full(error):
            return [f"no space is left ({reason(error)}); make room on the disk that is written to ({WRITTEN_TO}), or name another."]
        case DBAPIError():
            return [f"database: {reason(error)}; is it reachable, and has `thidua migrate` been run?"]
        case OSError() if error.filename:
            named = _settings_of(Path(error.filename), settings) if settings else ""
            return [f"{error.filename}: {error.strerror}; name a file or folder {named}that this account may use."]
    return [EXCUSES[type(error)]] if type(error) in EXCUSES else []


def _settings_of(path: Path, settings: Settings) -> str:
    """Those by which this path, or a folder above it, was named."""
    names = [name for name, value in settings if isinstance(value, Path) and path.absolute().is_relative_to(value.absolute())]
    return f"({', '.join(f'{PREFIX}{name.upper()}' for name in names)}) " if names else ""
