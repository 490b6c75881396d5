"""The JSON API for partner systems, by API key: send events, see what became of them, check one without sending it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel

from services.reporting import admissions, answers, door, envelopes, ledger, queues, refusals, verdicts
from services.reporting.arrivals import Case
from services.reporting.door import Turnstile
from services.reporting.examples import REQUEST_BODY
from services.reporting.forms import Reading
from services.reporting.ledger import Span
from services.reporting.states import State
from shared import streams
from shared.clock import local_date
from shared.delivery import Inbound
from shared.messages import Fault, Forbidden, Message, NotFound, Refused
from shared.security import is_private, wall_now
from shared.service import Here, Service
from shared.web.pages import language_of

router = APIRouter(prefix="/api", tags=["partners"])
"""Bodies are passed on as they come, so this is no strict route: the intake reads them strictly, whichever door they took."""

ANSWER_LIMIT = 500


async def partner_of(request: Request) -> str:
    """FastAPI dependency: the client whose API key the request shows. A key that others could read on the way is not even looked at."""
    request.state.by_key = True
    if not is_private(request):
        cure = Message("Hãy dùng địa chỉ https, và đổi khóa đã gửi đi.")
        raise Forbidden(Fault("authorization", Message("Kết nối chưa được mã hóa nên không nhận khóa."), cure))
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    async with request.app.state.service.database.read() as session:
        return await admissions.holder(session, key if scheme.lower() == "bearer" else "", wall_now())


Partner = Annotated[str, Depends(partner_of)]


@router.post("/events", status_code=202, openapi_extra=REQUEST_BODY)
async def send(request: Request, response: Response, here: Here, client: Partner, idempotency_key: Annotated[str, Header()] = "") -> dict[str, Any]:
    """Send one event (binary or structured mode) or a batch. 202 with a receipt for each, once the broker has them on its disk."""
    with refused_counted(here, client):
        return await _send(request, response, here, client, idempotency_key, sandbox=False)


@router.post("/sandbox/events", status_code=202, openapi_extra=REQUEST_BODY)
async def try_out(request: Request, response: Response, here: Here, client: Partner, idempotency_key: Annotated[str, Header()] = "") -> dict[str, Any]:
    """The same as a trial: judged in full, recorded, and without any effect on official figures."""
    with refused_counted(here, client):
        return await _send(request, response, here, client, idempotency_key, sandbox=True)


@contextmanager
def refused_counted(here: Service, client: str) -> Iterator[None]:
    """Count a request that is refused whole, where its sender sees it: of what becomes no event there is no other trace."""
    try:
        yield
    except Refused as refused:
        refusals.tally_of(here).count(client, refused, here.now())
        raise


async def _send(request: Request, response: Response, here: Service, client: str, key: str, *, sandbox: bool) -> dict[str, Any]:
    body = await request.body()
    headers = _headers(request)
    messages = door.unpack(client, headers, body, sandbox=sandbox)
    asked = answers.asked(_caller(client), key, _whole(request.url.path, headers, body))
    async with here.database.read() as session:
        admission = await admissions.of_client(session, client)
        given = (await answers.given(session, [asked])).get(asked)
    if isinstance(given, Exception):
        raise given
    if given is not None:
        return given
    account = envelopes.account_of(client, sandbox=sandbox)
    _turnstile(here).take(account, len(messages), admission.quota, wall_now())
    receipts = await door.pass_on(here, client, messages)
    answer = {"events": [{"receipt": receipt, "href": f"/reporting/api/events/{receipt}"} for receipt in receipts]}
    if key:
        async with here.database.write() as session:
            answers.keep(session, asked, answer, here.now())
    response.headers["location"] = answer["events"][0]["href"]
    return answer


def _turnstile(here: Service) -> Turnstile:
    """Where this process counts what comes by the HTTP door, to be taken in or only to be checked: both cost as much."""
    found: Turnstile = here.extras.setdefault("turnstile", Turnstile())
    return found


def _whole(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """All of a request that makes it another one: in binary mode an event's id and type are headers."""
    return json.dumps([path, sorted(door.kept(headers).items())]).encode() + b"\n" + body


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _caller(client: str) -> str:
    """The client in the place where an officer's id stands, which is as long as that."""
    return hashlib.sha256(client.encode()).hexdigest()[:36]


@router.post("/events/check", openapi_extra=REQUEST_BODY)
async def check(request: Request, here: Here, client: Partner) -> dict[str, Any]:
    """What would become of these events, without sending them: faults by field, none if they would be taken."""
    messages = door.unpack(client, _headers(request), await request.body())
    async with here.database.read() as session:
        admission = await admissions.of_client(session, client)
    _turnstile(here).take(client, len(messages), admission.quota, wall_now())
    language = language_of(request)
    return {"events": [{"faults": _told(await checked(here, message), language)} for message in messages]}


async def checked(here: Service, message: Inbound) -> list[Fault]:
    """The faults of one message, found in a transaction that is undone."""
    async with here.database.write() as session, session.undone():
        envelope = envelopes.read(message, max(here.now(), wall_now()))
        return await verdicts.faults_of(session, Case("", envelope, here.now()))


def _told(faults: list[Fault], language: str) -> list[dict[str, str]]:
    return [{"field": fault.field, "reason": fault.render(language)} for fault in faults]


class Wanted(BaseModel):
    """Which of its events a partner asks for."""

    state: Annotated[str, Query(description=f"Only in this state: {', '.join(ledger.STATES)}. `duplicate`: those that came again.")] = ""
    day: Annotated[str, Query(max_length=10, description="Only of this day in Viet Nam, as yyyy-mm-dd.")] = ""
    after: Annotated[str, Query(max_length=36, description="Where the page before ended: follow the `Link` header with rel=next.")] = ""
    sandbox: Annotated[bool | None, Query(description="Only what was tried out, or only what was not; both by default.")] = None
    limit: Annotated[int, Query(description=f"Events on a page, {ANSWER_LIMIT} at most.")] = 100

    def span(self, client: str) -> Span:
        """What is asked for; raises `Refused` with every fault."""
        reading = Reading({"state": self.state, "day": self.day})
        state = reading.choice("state", ledger.STATES) if self.state else ""
        day = reading.day("day") if self.day else None
        reading.done()
        since, until = ledger.bounds(day) if day else (None, None)
        return Span(client, since, until, state, self.after, self.sandbox)


LINKED: dict[int | str, dict[str, Any]] = {200: {"headers": {"Link": {"description": "The next page, rel=next; absent on the last.", "schema": {"type": "string"}}}}}


@router.get("/events", responses=LINKED)
async def listed(request: Request, response: Response, here: Here, client: Partner, wanted: Annotated[Wanted, Query()]) -> list[dict[str, Any]]:
    """The partner's own events, newest first, with what became of each. The `Link` header leads to the next page."""
    async with here.database.read() as session:
        rows, older = await ledger.page(session, wanted.span(client), min(max(wanted.limit, 1), ANSWER_LIMIT))
    if older:
        response.headers["link"] = f'<{request.url.path}?{request.url.include_query_params(after=older).query}>; rel="next"'
    return [_answer(row) for row in rows]


@router.get("/events/{receipt}")
async def one(here: Here, client: Partner, receipt: str) -> dict[str, Any]:
    """What became of the event with this receipt."""
    stream, _, sequence = receipt.rpartition(":")
    if stream != streams.stream_of_client(client) or not sequence.isdigit():
        raise _no_such()
    decided = await _is_decided(here, stream, int(sequence))  # asked first: it may be decided while we look
    async with here.database.read() as session:
        row = await ledger.by_receipt(session, client, receipt)
    if row is not None:
        return _answer(row)
    if decided:
        return {"receipt": receipt, "state": ledger.DUPLICATE, "faults": []}
    _, parked = await queues.standing(here, client)
    if parked is None or int(sequence) < parked.first:
        return {"receipt": receipt, "state": ledger.RECEIVED, "faults": []}
    return {"receipt": receipt, "state": State.PARKED, "faults": verdicts.written([parked.reason])}


Day = Annotated[str, Query(max_length=10, description="A day in Viet Nam, as yyyy-mm-dd; today by default.")]


@router.get("/refusals")
async def refused(here: Here, client: Partner, day: Day = "") -> list[dict[str, Any]]:
    """The partner's requests of a day that were refused whole, so that no event came of them: how often, by status and reason."""
    reading = Reading({"day": day})
    chosen = reading.day("day") if day else None
    reading.done()
    async with here.database.read() as session:
        rows = await refusals.of_day(session, client, chosen or local_date(here.now()))
    return [{"status": row.status, "faults": row.faults, "number": row.number, "last_at": row.at} for row in rows]


@router.get("/pace")
async def pace(here: Here, client: Partner) -> dict[str, Any]:
    """How many events may come in a minute (null: any number), how many were taken in this one, and what is parked in the stream until there is room.

    `sandbox`: how many trials were taken in this minute; they have the same quota for themselves.
    """
    tried = await queues.tried(here, client)
    found, parked = await queues.standing(here, client)
    waits = {"count": parked.number, "since": parked.since, "faults": verdicts.written([parked.reason])} if parked else {"count": 0}
    return {"quota": found.quota, "taken": found.taken, "parked": waits, "sandbox": {"taken": tried}}


async def _is_decided(here: Service, stream: str, sequence: int) -> bool:
    """Whether the intake has been past a place in a stream. Raises `NotFound` for a place where nothing is."""
    if not 0 < sequence <= (await here.jetstream.stream_info(stream)).state.last_seq:
        raise _no_such()
    floor = (await here.jetstream.consumer_info(stream, here.name)).ack_floor
    return floor is not None and sequence <= floor.stream_seq


def _no_such() -> NotFound:
    return NotFound(Fault("receipt", Message("Không có sự kiện này.")))


def _answer(row: Any) -> dict[str, Any]:
    names = ("receipt", "type", "subject", "faults", "repeats", "sandbox", "happened_at", "received_at", "decided_at", "effect")
    decided = {"decision": row.decision, "reason": row.decision_reason, "at": row.decision_at} if row.decision else None
    more = {"id": row.event, "state": ledger.state_of(row), "late": ledger.is_late(row), "proposal": decided}
    return {name: getattr(row, name) for name in names} | more
