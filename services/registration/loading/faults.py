"""Faults of a campaign's files: collected while reading, reported all at once, each with its place and its cure."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from shared.messages import Fault, Message, Refused


class Place(NamedTuple):
    """Where in the files something stands; lines count from 1."""

    file: str
    line: int
    field: str = ""


class LoadingFault(NamedTuple):
    """What is wrong in a line of a file and what to write instead."""

    file: str
    line: int
    field: str
    message: Message
    cure: Message

    def render(self, language: str) -> str:
        """One line for people, as compilers write it: file:line: field: message cure."""
        where = f"{self.file}:{self.line}: " + (f"{self.field}: " if self.field else "")
        return f"{where}{self.message.render(language)} {self.cure.render(language)}"


class LoadingRefused(Refused):
    """The folder cannot be loaded; `located` holds every fault in the order of files and lines. Nothing was loaded."""

    def __init__(self, located: Iterable[LoadingFault]) -> None:
        self.located = tuple(located)
        super().__init__(*(Fault(f"{f.file}:{f.line} {f.field}".strip(), f.message, f.cure) for f in self.located))


class Faults:
    """Everything found wrong so far."""

    def __init__(self) -> None:
        self._found: list[LoadingFault] = []

    def add(self, place: Place, message: Message, cure: Message) -> None:
        """Note a fault; reading goes on."""
        self._found.append(LoadingFault(*place, message, cure))

    def refer(self, place: Place, value: str, known: Iterable[str], what: Message) -> bool:
        """Whether `value` names one of the `known` things; otherwise a fault that offers the nearest name."""
        names = sorted(known)
        if value in names:
            return True
        self.add(place, Message('Không có {what} "{value}".', what=what, value=value), nearest(value, names))
        return False

    def refuse(self) -> None:
        """Raise `LoadingRefused` if anything was found."""
        if self._found:
            raise LoadingRefused(sorted(dict.fromkeys(self._found), key=lambda f: (f.file, f.line)))


def nearest(value: str, names: list[str]) -> Message:
    """The cure for a wrong name: the nearest right one, or the first few there are."""
    if near := get_close_matches(value, names, n=1):
        return Message('Có phải là "{near}"?', near=near[0])
    if not names:
        return Message("Khai báo mục này trước khi dùng.")
    return Message("Ghi một trong: {names}.", names=", ".join(names[:12]) + (", …" if len(names) > 12 else ""))
