"""A letter as an e-mail: one recipient, a stable Message-ID, and no way to smuggle a header in."""

from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.message import Message
from email.policy import compat32
from email.utils import format_datetime, formataddr
from functools import lru_cache
from typing import Any

POLICY = compat32.clone(linesep="\r\n")
"""The modern policy folds headers itself and takes ten times as long; what it would refuse is refused here, before."""


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


def build(mail: Mail) -> bytes:
    """The message as it travels, text in UTF-8. Raises `Unsendable` for a line break in a header or an address that is not one."""
    message: Message[Any, Any] = Message(POLICY)
    message["From"] = _checked(mail.sender)
    message["To"] = formataddr((_one_line(mail.name), _checked(mail.address)))
    message["Subject"] = Header(_one_line(mail.subject), "utf-8")
    message["Message-ID"] = _one_line(mail.message_id)
    message["Date"] = format_datetime(mail.written)
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = "vi"
    message.set_payload(mail.body, "utf-8")
    return message.as_bytes()


@lru_cache(maxsize=10_000)
def _checked(address: str) -> str:
    """`address`, if it is exactly one."""
    try:
        found = Address(addr_spec=address)
    except (ValueError, IndexError, MessageError) as error:
        raise Unsendable(f"not an e-mail address: {error}") from error
    if not (found.username and found.domain and address.isascii()):
        raise Unsendable(f"not an e-mail address: {address!r}")
    return address


def _one_line(text: str) -> str:
    """`text`, if no character in it could begin another header line."""
    if len(text.splitlines()) > 1 or any(character in text for character in "\r\n\0"):
        raise Unsendable(f"a line break in a header: {text[:40]!r}")
    return text
