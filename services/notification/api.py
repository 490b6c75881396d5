"""The same use cases as JSON."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from services.notification import deliveries, reading
from shared.events.registration import Role
from shared.security import SignedIn
from shared.service import Here
from shared.web.pages import language_of
from shared.web.strict_json import StrictRoute

router = APIRouter(prefix="/api", tags=["letters"], route_class=StrictRoute)


class LetterAnswer(BaseModel):
    """A letter in the officer's inbox. `settled_at`: since when its matter needs nothing any more. `event`: what caused it."""

    letter: str
    rule: str
    title: str
    subject: str
    body: str
    campaign: str
    unit: str
    page: str
    created_at: datetime
    delivered_at: datetime | None
    read_at: datetime | None
    settled_at: datetime | None
    event: str
    trace: str | None


class Letters(BaseModel):
    """A page of letters, unread first, and how many want to be read."""

    unread: int
    letters: list[LetterAnswer]


class Books(BaseModel):
    """Deliveries by what became of them; in the end created = delivered + withdrawn + failed."""

    created: int
    delivered: int
    withdrawn: int
    failed: int
    pending_due: int


@router.get("/letters")
async def listed(
    request: Request, officer: SignedIn, service: Here, *, unread: bool = False, page: Annotated[int, Query(ge=0, le=10_000)] = 0
) -> Letters:
    """The officer's letters, 50 a page."""
    language = language_of(request)
    async with service.database.read() as session:
        found = await reading.listed(session, officer, language, only_unread=unread, page=page)
        count = await reading.unread(session, officer)
    return Letters(unread=count, letters=[_answer(letter, language) for letter in found])


@router.post("/letters/{letter}/read", status_code=204)
async def read(officer: SignedIn, service: Here, letter: str) -> None:
    """Note that the officer has read a letter; the first time counts."""
    async with service.database.write() as session:
        await reading.mark_read(session, officer, letter, service.now())


@router.get("/books")
async def books(officer: SignedIn, service: Here) -> Books:
    """What has become of every delivery."""
    officer.must_hold(Role.OPERATOR, Role.AUDITOR)
    async with service.database.read() as session:
        return Books(**await deliveries.books(session, service.now()))


def _answer(letter: reading.Letter, language: str) -> LetterAnswer:
    return LetterAnswer(
        letter=letter.id, rule=letter.rule.code, title=letter.rule.title.render(language), subject=letter.text.subject,
        body=letter.text.body, campaign=letter.campaign, unit=letter.unit, page=letter.page, created_at=letter.created,
        delivered_at=letter.delivered_at, read_at=letter.read_at, settled_at=letter.settled, event=letter.event, trace=letter.trace,
    )  # fmt: skip
