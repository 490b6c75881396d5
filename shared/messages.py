"""Words for people in the reader's language. Vietnamese is the source; English comes from the catalogue."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from babel.messages.pofile import read_po

LANGUAGES = ("vi", "en")
_CATALOGUES = Path(__file__).parent / "web" / "locales"


@cache
def _catalogue(language: str) -> dict[str, str]:
    """Translations by their Vietnamese source, from every `<language>*.po` (one per service, so that each keeps its own)."""
    words: dict[str, str] = {}
    for path in sorted(_CATALOGUES.glob(f"{language}*.po")):
        with path.open("rb") as file:
            words |= {str(m.id): str(m.string) for m in read_po(file, locale=language) if m.id and m.string}
    return words


def translate(text: str, language: str) -> str:
    """`text` (Vietnamese) in `language`; the source itself where there is no translation."""
    return text if language == "vi" else _catalogue(language).get(text, text)


class Message:
    """A sentence with parameters, rendered later in the reader's language.

    >>> Message("Hạn là {day}", day="30/10/2023").vi
    'Hạn là 30/10/2023'
    """

    def __init__(self, text: str, **parameters: Any) -> None:
        self.text = text
        self.parameters = parameters

    def render(self, language: str) -> str:
        """The sentence in `language` ("vi" or "en"); parameters that are messages are rendered too."""
        filled = {k: v.render(language) if isinstance(v, Message) else v for k, v in self.parameters.items()}
        return translate(self.text, language).format(**filled)

    @property
    def vi(self) -> str:
        """The Vietnamese sentence."""
        return self.render("vi")

    @property
    def en(self) -> str:
        """The English sentence."""
        return self.render("en")

    def __str__(self) -> str:
        return self.vi

    def __repr__(self) -> str:
        return f"Message({self.vi!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and (self.text, self.parameters) == (other.text, other.parameters)

    def __hash__(self) -> int:
        return hash(self.vi)


class Fault(NamedTuple):
    """What is wrong with one field, and the cure, for example `Fault("values.0.value", Message("Chưa có giá trị"), Message("Ghi số, ví dụ 12,5"))`."""

    field: str
    problem: Message
    cure: Message | None = None

    def render(self, language: str) -> str:
        """Problem and cure as one text."""
        return self.problem.render(language) + (f" {self.cure.render(language)}" if self.cure else "")


class Refused(Exception):
    """A request that cannot be done as it stands.

    Exception
     └ Refused            422: faults by field, each with its cure; nothing was changed
        ├ Forbidden       403: the officer may not do this
        ├ NotFound        404: there is no such thing, or it is not the officer's to see
        ├ Conflict        409: the thing has moved on meanwhile
        └ Overloaded      503: try again after `retry_after` seconds
    """

    status = 422

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f"{f.field}: {f.render('vi')}" for f in faults))
        self.faults = faults

    @classmethod
    def because(cls, text: str, **parameters: Any) -> "Refused":
        """A refusal that concerns no single field."""
        return cls(Fault("", Message(text, **parameters)))


class Forbidden(Refused):
    """The officer may not do this."""

    status = 403


class NotFound(Refused):
    """There is no such thing, or it is not the officer's to see: the answer is the same."""

    status = 404


class Conflict(Refused):
    """The thing has moved on since the officer looked at it."""

    status = 409


class Overloaded(Refused):
    """The service is at its capacity; nothing was taken in."""

    status = 503
    retry_after = 2


def collect(faults: Iterable[Fault | None]) -> None:
    """Raise `Refused` with all faults at once, if there are any."""
    found = [fault for fault in faults if fault is not None]
    if found:
        raise Refused(*found)
