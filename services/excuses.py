"""What is said, in a sentence with its cure, of an error that somebody outside the program can mend."""

from nats.errors import NoServersError
from nats.js.errors import NoStreamResponseError
from sqlalchemy.exc import DBAPIError

from shared.bundled import BrokerMissing
from shared.messages import Refused
from shared.settings import SettingsRefused

EXCUSES: dict[type[Exception], str] = {
    NoServersError: "broker: nothing answers; start it, or correct THIDUA_NATS_URL.",
    NoStreamResponseError: "broker: no stream takes this event; is the partner registered, and has `thidua provision` been run?",
}


def reason(error: BaseException) -> str:
    """Why, in one line: what the driver or the system said, without the statement and the address that SQLAlchemy adds."""
    return next(iter(str(getattr(error, "orig", None) or error).splitlines()), "") or type(error).__name__


def sentences(error: Exception) -> list[str]:
    """One for each fault that the error names; none for the program's own errors, which need their traceback."""
    match error:
        case SettingsRefused() | BrokerMissing():
            return [str(error)]
        case Refused():
            return [fault.render("vi") for fault in error.faults]
        case DBAPIError():
            return [f"database: {reason(error)}; is it reachable, and has `thidua migrate` been run?"]
        case NoServersError() | NoStreamResponseError():
            return [EXCUSES[type(error)]]
        case OSError() if error.filename:
            return [
                f"{error.filename}: {error.strerror}; name a file or folder (THIDUA_DATA) that this account may use."
            ]
    return []
