"""The edge of every service, once: security headers, limits of size and number, a span and a measurement for each request."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from time import perf_counter
from typing import Any
from urllib.parse import quote

from opentelemetry.trace import INVALID_SPAN, SpanKind
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry as names
from shared.messages import Fault, Overloaded, Refused
from shared.messages import Message as Words
from shared.telemetry import Telemetry, parent_of
from shared.web.errors import SIGN_IN, on_failure, overloaded

BODY_LIMIT = 2_000_000
IN_HAND = 1000
"""Requests to change something that may be in hand at once: a deadline's two or three seconds of work, some 50 MB. More come again."""
TAKEN_IN = 303
"""After a form was taken in its page leads on, so that reloading does not send it again."""
SENT_COOKIE = "thidua-sent"
"""Names the form that was taken in last; its page's script forgets what was typed into it only then (static/kept.js)."""
READING = {"GET", "HEAD", "OPTIONS"}
OF_MACHINES = ("live", "started", "ready", "metrics")
"""Asked by machines, some of them every few seconds: neither traced nor counted, or they would drown what people ask."""
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class TooLarge(Refused):
    """The body is larger than `BODY_LIMIT` bytes. Raised where the body is read, so that the answer is in the reader's language."""

    status = 413


class Edge:
    """ASGI middleware around a service's application."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self.app, self.telemetry = app, telemetry
        self._in_hand = 0
        self._of_machines = {f"/{telemetry.service}/{name}" for name in OF_MACHINES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        started: float = perf_counter()
        status: int | None = None
        live = False
        unseen = scope["path"] in self._of_machines

        async def sending(message: Message) -> None:
            nonlocal status, live
            if message["type"] == "http.response.start":
                status = message["status"]
                live = _add_headers(scope, message)
            await send(message)

        parent = parent_of(headers.get("traceparent"))
        tracing = self.telemetry.span(f"{scope['method']} ?", parent, SpanKind.SERVER, **{names.METHOD: scope["method"]})
        with nullcontext(INVALID_SPAN) if unseen else tracing as span:
            try:
                with self._held(scope["method"]):
                    await self.app(scope, _limited(receive, _declared(headers)), sending)
            except Overloaded as error:  # answered without a question to anybody, for everybody is busy
                await overloaded(Request(scope), error)(scope, receive, sending)
            except Exception as error:  # answered here, inside, so that an error page too carries the headers and is counted
                if status is not None:
                    raise
                await (await on_failure(Request(scope), error))(scope, receive, sending)
            route = _route(scope)
            span.update_name(names.SPAN_REQUEST.format(method=scope["method"], route=route))
            span.set_attributes({names.ROUTE: route, names.STATUS: status or 0, names.WATCHED: live})
        if not (live or unseen):  # how long somebody watched a live page is no latency
            self.telemetry.requests.labels(route, scope["method"], str(status or 0)).observe(perf_counter() - started)


    @contextmanager
    def _held(self, method: str) -> Iterator[None]:
        """Count a request that changes something while it is in hand; raises `Overloaded` at once when there are too many."""
        changing = method not in READING
        if changing and self._in_hand >= IN_HAND:
            raise Overloaded(Fault("", Words("Hệ thống đang nhận quá nhiều yêu cầu cùng lúc."), Words("Hãy gửi lại sau vài giây.")))
        self._in_hand += changing
        try:
            yield
        finally:
            self._in_hand -= changing


def _limited(receive: Receive, declared: int) -> Receive:
    """`receive`, refusing once the body is declared or seen to be too large."""
    seen = declared if declared > BODY_LIMIT else 0

    async def limited() -> Message:
        nonlocal seen
        if seen <= BODY_LIMIT:
            message = await receive()
            seen += len(message.get("body", b""))
            if seen <= BODY_LIMIT:
                return message
        raise TooLarge(Fault("", Words("Nội dung gửi lên lớn hơn 2 MB."), Words("Hãy chia nhỏ rồi gửi lại.")))

    return limited


def _declared(headers: Headers) -> int:
    value = headers.get("content-length", "0")
    return int(value) if value.isdigit() else 0


def _route(scope: Scope) -> str:
    """The route's whole template, never the path itself: span names and labels must not grow with data."""
    included: Any = scope.get("fastapi", {}).get("effective_route_context")  # knows the prefixes, which the route itself may not
    return getattr(included or scope.get("route"), "path", None) or "other"


def _asked(scope: Scope) -> str:
    """Path and query as the browser wrote them."""
    query = scope["query_string"].decode("latin-1")
    path: str = scope["raw_path"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _add_headers(scope: Scope, message: Message) -> bool:
    """Add what every answer carries; True when the answer is a live stream."""
    headers = MutableHeaders(scope=message)
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if scope.get("scheme") == "https":
        headers.setdefault("strict-transport-security", "max-age=31536000; includeSubDomains")
    if scope["method"] == "POST" and message["status"] == TAKEN_IN and not headers.get("location", "").startswith(SIGN_IN):
        headers.append("set-cookie", f"{SENT_COOKIE}={quote(_asked(scope), safe='')}; Path=/; Max-Age=600; SameSite=Lax")
    static = any(part in scope["path"] for part in ("/static/", "/vendor/", "/swagger/"))
    headers.setdefault("cache-control", "max-age=3600" if static else "no-store")
    return headers.get("content-type", "").startswith("text/event-stream")
