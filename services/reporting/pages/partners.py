"""A partner's page: what became of its events today, what to mend, how to send and hear, and a place to try an event out."""

from datetime import date, timedelta
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.reporting import (
    admissions,
    door,
    guides,
    ledger,
    mending,
    occasions,
    participants,
    proposals,
    queues,
    refusals,
    scope,
)
from services.reporting.forms import Reading
from services.reporting.guides import Place
from services.reporting.ledger import Span
from services.reporting.pages.bodies import pretty, whole
from services.reporting.pages.reconcile import READERS
from services.reporting.pages.words import DECISIONS, PARTNER_STATES
from services.reporting.partner_api import ANSWER_LIMIT, checked
from services.reporting.scope import Scope
from services.reporting.states import State
from shared import audit
from shared.clock import local_date
from shared.database import ReadSession
from shared.delivery import STRUCTURED
from shared.events import catalogue
from shared.events.registration import Role
from shared.events.reporting import IndicatorObserved
from shared.messages import Fault, Message, NotFound, Refused
from shared.security import Officer, SignedIn
from shared.service import Here, Service
from shared.streams import durable_of_client
from shared.web.pages import render
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)

DAY = timedelta(days=1)
SENDERS = (Role.CLERK, Role.HEAD)
"""Of the unit that answers for the system; the operator may send for it as well."""
SHOWN = 50
MENDED_AT_ONCE = 20
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class NoForm(Refused):
    """What came is no form of a page, or is packed: a program has its own door."""

    status = 415


class Wanted(NamedTuple):
    """Which part of the events the reader asked to see; `mend`: after which of those that wait to be mended."""

    day: date
    state: str = ""
    after: str = ""
    mend: str = ""


class Pasted(NamedTuple):
    """An event in an editor; `row`: of the refused event that it is to take the place of."""

    event: str = ""
    row: str = ""


NOTHING = Pasted()


@router.get("/partners")
async def listed(request: Request, here: Here, officer: SignedIn) -> HTMLResponse:
    """The systems that the officer may look after, with their day."""
    async with here.database.read() as session:
        found = await participants.campaign_named(session, "")
        rows = [row for row in await scope.partners_of(session, found.code) if _may_read(officer, row)]
        days = {row.client: await ledger.day(session, row.client, ledger.bounds(local_date(here.now()))[0]) for row in rows}
    return render(request, "partner_list.html", campaign=found, rows=rows, days=days)


@router.get("/partners/{client}")
async def shown(
    request: Request, here: Here, officer: SignedIn, client: str,
    day: Annotated[str, Query(max_length=10)] = "", state: str = "", after: str = "", mend: str = "",
) -> HTMLResponse:
    """A system's events of a day, a page of them, and what to mend."""
    try:
        reading = Reading({"day": day})
        chosen = reading.day("day") if day else local_date(here.now())
        reading.done()
    except Refused as refused:
        page = await _page(request, here, officer, client, faults=refused.faults)
        page.status_code = refused.status
        return page
    wanted = Wanted(chosen or local_date(here.now()), state if state in PARTNER_STATES else "", after, mend)
    return await _page(request, here, officer, client, wanted)


@router.post("/partners/{client}/events", response_model=None)
async def send(request: Request, here: Here, officer: SignedIn, client: str) -> Response:
    """Check an event that was pasted or mended, or send it by the same way as the system itself."""
    pasted = Pasted()
    try:
        _must_be_form(request)
        form = await request.form()
        pasted, sending = Pasted(str(form.get("event", "")), str(form.get("row", ""))), form.get("do") == "send"
        async with here.database.read() as session:
            partner = await visible(session, officer, client)
        if sending:
            must_send(officer, partner)
        outcome = await _send(here, officer, client, pasted) if sending else await _check(here, client, pasted.event)
    except Refused as refused:
        if refused.status not in {413, 415, 422, 429, 503}:
            raise
        page = await _page(request, here, officer, client, pasted=pasted, faults=refused.faults)
        page.status_code = refused.status
        return page
    return await _page(request, here, officer, client, pasted=pasted, outcome=outcome)


@router.post("/partners/{client}/settled")
async def settle(here: Here, officer: SignedIn, client: str, row: Annotated[str, Form(max_length=36)]) -> RedirectResponse:
    """Take a refused event out of the inbox: nothing more is to be done."""
    async with here.database.write() as session:
        must_send(officer, await visible(session, officer, client))
        await mending.settle(session, officer, client, row, here.now())
    return RedirectResponse(f"/reporting/partners/{client}#mend", 303)


def _must_be_form(request: Request) -> None:
    if request.headers.get("content-encoding", "identity") != "identity" or not request.headers.get("content-type", "").startswith(FORMS):
        cure = Message("Phần mềm gửi sự kiện đến /reporting/api/events.")
        raise NoForm(Fault("", Message("Trang này chỉ nhận biểu mẫu không nén."), cure))


async def _check(here: Service, client: str, pasted: str) -> Message:
    [message] = door.unpack(client, {"content-type": STRUCTURED}, pasted.encode())
    if faults := await checked(here, message):
        raise Refused(*faults)
    return Message("Sự kiện này sẽ được nhận.")


async def _send(here: Service, officer: Officer, client: str, pasted: Pasted) -> Message:
    async with here.database.read() as session:
        admission = await admissions.of_client(session, client)
    if admission and admission.signing_keys:
        raise Refused(Fault("", Message("Hệ thống này ký sự kiện của mình."), Message("Hãy sửa ở hệ thống rồi ký và gửi lại từ đó.")))
    [message] = door.unpack(client, {"content-type": STRUCTURED}, pasted.event.encode())
    [receipt] = await door.pass_on(here, client, [door.mending(message, pasted.row) if pasted.row else message])
    async with here.database.write() as session:
        await audit.record(session, officer, "partner.event-sent", client, here.now(), receipt=receipt)
    return Message("Đã gửi, biên nhận {receipt}. Hãy tải lại trang để xem kết quả.", receipt=receipt)


async def _page(
    request: Request, here: Service, officer: Officer, client: str, wanted: Wanted | None = None,
    pasted: Pasted = NOTHING, faults: tuple[Fault, ...] = (), outcome: Message | None = None,
) -> HTMLResponse:  # fmt: skip
    chosen = wanted or Wanted(local_date(here.now()))
    since, until = ledger.bounds(chosen.day)
    async with here.database.read() as session:
        partner = await visible(session, officer, client)
        found = await participants.campaign_named(session, partner.campaign)
        admission = await admissions.of_client(session, client)
        day = await ledger.day(session, client, since, until)
        rows, older = await ledger.page(session, Span(client, since, until, chosen.state, chosen.after, sandbox=False), SHOWN)
        refused = await refusals.of_day(session, client, chosen.day)
        mend, unmended = await mending.listed(session, client, chosen.mend, MENDED_AT_ONCE)
    _, parked = await queues.standing(here, client)
    if parked:
        for state in (ledger.RECEIVED, State.PARKED):
            day.states[state] += parked.number
    return render(
        request, "partner.html", campaign=found, partner=partner, admission=admission, day=day, rows=rows, states=PARTNER_STATES, mend=mend,
        unmended=unmended, refused=refused,        wanted=chosen, older=older, today=local_date(here.now()), beside=[chosen.day - DAY, chosen.day + DAY], parked=parked,
        decisions=DECISIONS, proposes=proposals.is_asked, state_of=ledger.state_of, is_late=ledger.is_late, whole=whole, may_send=may_send(officer, partner), pasted=pasted, faults=faults,
        outcome=outcome,
    )  # fmt: skip


@router.get("/partners/{client}/guide")
async def guide(request: Request, here: Here, officer: SignedIn, client: str) -> HTMLResponse:
    """Subjects, schemas, examples and commands."""
    async with here.database.read() as session:
        partner = await visible(session, officer, client)
        found = await participants.campaign_named(session, partner.campaign)
        admission = await admissions.of_client(session, client)
        occasion = await occasions.of(session, Scope(found, partner), here.now())
    place = Place(client, partner.campaign, guides.nats_address(here.settings), here.settings.public_url or str(request.base_url).rstrip("/"))
    allowed = tuple(partner.types) if partner.types is not None else (IndicatorObserved.TYPE,)
    return render(
        request, "partner_guide.html", campaign=found, partner=partner, said=guides.said(place, allowed, occasion), heard=guides.heard(place),
        asking=guides.asking(place), meanings=guides.STATES, states=PARTNER_STATES, quota=admission.quota if admission else None,
        durable=durable_of_client(client), batch=door.BATCH_LIMIT, answers=ANSWER_LIMIT, listening=guides.listening(place), signing=guides.signing(place), signs=bool(admission and admission.signing_keys), pretty=pretty,
        web=place.web,
    )  # fmt: skip


@router.get("/partners/{client}/asyncapi.yaml")
async def asyncapi(here: Here, officer: SignedIn, client: str) -> Response:
    """The AsyncAPI document of what this system may say and hear."""
    async with here.database.read() as session:
        await visible(session, officer, client)
    headers = {"content-disposition": f'attachment; filename="thidua-{client}-asyncapi.yaml"'}
    return Response(catalogue.text_for(client), media_type="application/yaml", headers=headers)


async def visible(session: ReadSession, officer: Officer, client: str) -> Any:
    """The system in its newest campaign. Raises `NotFound`, for one that is not the officer's to see as well."""
    row = await scope.newest(session, client)
    if row is None or not _may_read(officer, row):
        raise NotFound(Fault("client", Message("Không có hệ thống “{client}”.", client=client)))
    return row


def _may_read(officer: Officer, partner: Any) -> bool:
    return officer.holds(*READERS) or officer.unit == partner.unit


def may_send(officer: Officer, partner: Any) -> bool:
    """Whether the officer may act for the system."""
    return officer.holds(Role.OPERATOR) or (officer.unit == partner.unit and officer.holds(*SENDERS))


def must_send(officer: Officer, partner: Any) -> None:
    """Raise `Forbidden` for who may not act for the system."""
    if not may_send(officer, partner):
        officer.must_hold(Role.OPERATOR)
