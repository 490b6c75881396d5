"""The edge of every service, once: security headers, size limit, a span and a measurement for each request."""

from time import perf_counter
from typing import Any

from opentelemetry.trace import SpanKind
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry as names
from shared.telemetry import Telemetry, parent_of

BODY_LIMIT = 2_000_000
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class TooLarge(Exception):
    """The body is larger than `BODY_LIMIT` bytes."""


class Edge:
    """ASGI middleware around a service's application."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self.app, self.telemetry = app, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        started, status = perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(scope, message)
            await send(message)

        parent = parent_of(headers.get("traceparent"))
        with self.telemetry.span(f"{scope['method']} ?", parent, SpanKind.SERVER, **{names.METHOD: scope["method"]}) as span:
            if _declared(headers) > BODY_LIMIT:
                await _refuse(scope, receive, sending)
            else:
                await self._within_limit(scope, receive, sending)
            route = _route(scope)
            span.update_name(names.SPAN_REQUEST.format(method=scope["method"], route=route))
            span.set_attributes({names.ROUTE: route, names.STATUS: status})
        self.telemetry.requests.labels(route, scope["method"], str(status)).observe(perf_counter() - started)

    async def _within_limit(self, scope: Scope, receive: Receive, send: Send) -> None:
        seen = 0

        async def counting() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > BODY_LIMIT:
                raise TooLarge
            return message

        try:
            await self.app(scope, counting, send)
        except TooLarge:
            await _refuse(scope, receive, send)


def _declared(headers: Headers) -> int:
    value = headers.get("content-length", "0")
    return int(value) if value.isdigit() else 0


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    text = {"vi": "Nội dung gửi lên lớn hơn 2 MB. Hãy chia nhỏ rồi gửi lại.", "en": "The body is larger than 2 MB. Split it and send again."}
    await JSONResponse({"status": 413, "faults": [{"field": "", **text}]}, 413)(scope, receive, send)


def _route(scope: Scope) -> str:
    """The route's template, never the path itself: span names and labels must not grow with data."""
    route: Any = scope.get("route")
    return getattr(route, "path", None) or "other"


def _add_headers(scope: Scope, message: Message) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if scope.get("scheme") == "https":
        headers.setdefault("strict-transport-security", "max-age=31536000; includeSubDomains")
    static = any(part in scope["path"] for part in ("/static/", "/vendor/", "/swagger/"))
    headers.setdefault("cache-control", "max-age=3600" if static else "no-store")
