"""The JSON API for partner systems, by API key: send events, see what became of them, check one without sending it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response

from services.reporting import admissions, answers, door, envelopes, ledger, queues, verdicts
from services.reporting.arrivals import Case
from services.reporting.door import Turnstile
from services.reporting.examples import REQUEST_BODY
from services.reporting.states import State
from shared import streams
from shared.delivery import Inbound
from shared.messages import Fault, Forbidden, Message, NotFound
from shared.security import is_private, wall_now
from shared.service import Here, Service
from shared.web.pages import language_of

router = APIRouter(prefix="/api", tags=["partners"])
"""Bodies are passed on as they come, so this is no strict route: the intake reads them strictly, whichever door they took."""

ANSWER_LIMIT = 500


async def partner_of(request: Request) -> str:
    """FastAPI dependency: the client whose API key the request shows. A key that others could read on the way is not even looked at."""
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
    return await _send(request, response, here, client, idempotency_key, sandbox=False)


@router.post("/sandbox/events", status_code=202, openapi_extra=REQUEST_BODY)
async def try_out(request: Request, response: Response, here: Here, client: Partner, idempotency_key: Annotated[str, Header()] = "") -> dict[str, Any]:
    """The same as a trial: judged in full, recorded, and without any effect on official figures."""
    return await _send(request, response, here, client, idempotency_key, sandbox=True)


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
    receipts = await door.pass_on(here.jetstream, client, messages)
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


@router.get("/events")
async def listed(here: Here, client: Partner, state: str = "", limit: int = 100) -> list[dict[str, Any]]:
    """The partner's own events, newest first, with what became of each."""
    async with here.database.read() as session:
        rows = await ledger.listed(session, state, client, min(max(limit, 1), ANSWER_LIMIT))
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
    return {name: getattr(row, name) for name in names} | {"id": row.event, "state": ledger.state_of(row), "late": ledger.is_late(row)}
