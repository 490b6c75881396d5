"""What people see: their inbox, one letter, which e-mails they want, and the delivery log."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from services.notification import deliveries, log, preferences, reading
from services.notification.log import Filter
from services.notification.rules import RULES, Channel, State
from shared import campaigns, units
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.campaign import Campaign
from shared.events.registration import Role
from shared.messages import Message
from shared.security import SignedIn
from shared.service import Here
from shared.web.pages import language_of, render
from shared.web.strict_json import StrictRoute

router = APIRouter(include_in_schema=False, route_class=StrictRoute)

READERS = (Role.OPERATOR, Role.SECRETARY, Role.AUDITOR)
"""Who reads the delivery log."""
CHANNELS = {Channel.INBOX: Message("Hộp thư"), Channel.EMAIL: Message("E-mail")}
STATES = {
    State.WAITING: Message("Chờ đến giờ"),
    State.QUEUED: Message("Chờ gửi"),
    State.DELIVERED: Message("Đã gửi"),
    State.WITHDRAWN: Message("Đã rút"),
    State.FAILED: Message("Không gửi được"),
}
TONES = {
    State.WAITING: "muted", State.QUEUED: "fair", State.DELIVERED: "good", State.WITHDRAWN: "muted", State.FAILED: "poor",
}  # fmt: skip


async def _campaign(session: ReadSession) -> Campaign | None:
    """The newest movement, for the note on sample data."""
    return next(iter(await campaigns.listed(session)), None)


@router.get("/inbox")
async def inbox(request: Request, officer: SignedIn, service: Here, page: int = 0) -> HTMLResponse:
    async with service.database.read() as session:
        found = await reading.listed(session, officer, language_of(request), page=max(page, 0))
        unread = await reading.unread(session, officer)
        campaign = await _campaign(session)
    more = page + 1 if len(found) == reading.PAGE else None
    return render(request, "inbox.html", letters=found, unread=unread, campaign=campaign, page=page, more=more)


@router.get("/letters/{letter}")
async def one(request: Request, officer: SignedIn, service: Here, letter: str) -> HTMLResponse:
    async with service.database.read() as session:
        found = await reading.find(session, officer, letter, language_of(request))
        gathered = await reading.gathered(session, found, language_of(request))
        campaign = await _campaign(session)
    return render(
        request, "letter.html", letter=found, gathered=gathered, limit=reading.ALL, campaign=campaign, sees_events=officer.holds(*READERS),
        trace_page=service.settings.trace_page.replace("{trace_id}", found.trace or ""),
    )


@router.post("/letters/{letter}/read")
async def read(request: Request, officer: SignedIn, service: Here, letter: str) -> Response:
    async with service.database.write() as session:
        await reading.mark_read(session, officer, letter, service.now())
    if "hx-request" in request.headers:
        return Response(status_code=204)
    return RedirectResponse("/notification/inbox", 303)


@router.post("/inbox/read")
async def read_all(officer: SignedIn, service: Here) -> Response:
    async with service.database.write() as session:
        await reading.mark_all_read(session, officer, service.now())
    return RedirectResponse("/notification/inbox", 303)


@router.get("/fragments/badge")
async def badge(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    async with service.database.read() as session:
        unread = await reading.unread(session, officer)
    return render(request, "badge.html", unread=unread)


@router.get("/fragments/units/{unit}")
async def about_unit(request: Request, officer: SignedIn, service: Here, unit: str) -> HTMLResponse:
    async with service.database.read() as session:
        found = await reading.about(session, officer, unit, service.now(), language_of(request), reading.NEWEST + 1)
    return render(request, "unit_letters.html", letters=found[: reading.NEWEST], unit=unit, more=len(found) > reading.NEWEST)


@router.get("/units/{unit}")
async def all_about_unit(request: Request, officer: SignedIn, service: Here, unit: str) -> HTMLResponse:
    async with service.database.read() as session:
        found = await reading.about(session, officer, unit, service.now(), language_of(request))
        known = (await units.on_day(session, local_date(service.now()), {unit}))[unit]
        campaign = await _campaign(session)
    return render(request, "letters_of_unit.html", letters=found, unit=unit, known=known, more=False, campaign=campaign)


@router.get("/preferences")
async def wanted(request: Request, officer: SignedIn, service: Here, saved: bool = False) -> HTMLResponse:
    async with service.database.read() as session:
        muted = await preferences.muted(session, officer)
        mail_on = await deliveries.is_open(session, Channel.EMAIL)
    rules = preferences.offered(officer)
    return render(request, "preferences.html", rules=rules, muted=muted, mail_on=mail_on, saved=saved)


@router.post("/preferences")
async def choose(officer: SignedIn, service: Here, rule: Annotated[list[str], Form()] = []) -> Response:  # noqa: B006 - FastAPI copies it
    async with service.database.write() as session:
        await preferences.choose(session, officer, rule, service.now())
    return RedirectResponse("/notification/preferences?saved=true", 303)


@router.get("/log")
async def delivery_log(
    request: Request, officer: SignedIn, service: Here, state: str = "", channel: str = "", rule: str = "", before: str = ""
) -> HTMLResponse:
    officer.must_hold(*READERS)
    chosen = Filter(
        State(state) if state in set(State) else None, Channel(channel) if channel in set(Channel) else None, rule, before
    )
    async with service.database.read() as session:
        context = {
            "entries": await log.listed(session, chosen, language_of(request)),
            "counts": await log.counts(session),
            "unaddressed": await log.unaddressed(session),
            "mail_on": await deliveries.is_open(session, Channel.EMAIL),
            "campaign": await _campaign(session),
        }
    words = {"channels": CHANNELS, "states": STATES, "tones": TONES, "rules": RULES, "limit": log.PAGE}
    return render(request, "log.html", state=state, channel=channel, rule=rule, **context, **words)

