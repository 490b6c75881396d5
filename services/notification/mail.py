"""A letter as an e-mail message: one recipient, a stable Message-ID, and no way to smuggle a header in."""

from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

POLICY = SMTP.clone(cte_type="8bit")


class Unsendable(Exception):
    """An address or a header that cannot be right; trying again would not help."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What an e-mail is made of. `message_id` stays the same however often it is sent."""

    sender: str
    name: str
    address: str
    subject: str
    body: str
    message_id: str
    written: datetime


def build(mail: Mail) -> EmailMessage:
    """The message as text in UTF-8. Raises `Unsendable` for a line break in a header or an address that is not exactly one."""
    message = EmailMessage(policy=POLICY)
    try:
        message["From"] = _address("", mail.sender)
        message["To"] = _address(mail.name, mail.address)
        message["Subject"] = _one_line(mail.subject)
        message["Message-ID"] = _one_line(mail.message_id)
    except (ValueError, IndexError, MessageError) as error:
        raise Unsendable(str(error)) from error
    message["Date"] = format_datetime(mail.written)
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = "vi"
    message.set_content(mail.body, charset="utf-8")
    return message


def _address(name: str, address: str) -> Address:
    found = Address(_one_line(name), addr_spec=address)
    if not (found.username and found.domain):
        raise Unsendable(f"not an e-mail address: {address!r}")
    return found


def _one_line(text: str) -> str:
    """`text`, if no character in it could begin another header line."""
    if len(text.splitlines()) > 1 or any(character in text for character in "\r\n\0"):
        raise Unsendable(f"a line break in a header: {text[:40]!r}")
    return text
