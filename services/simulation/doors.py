"""The doors through which the story acts: the JSON APIs with officers' own tokens, and the broker as a partner system has it."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import httpx
import nats
from starlette.types import ASGIApp

from shared.security import Officer, SigningKey, wall_now

log = logging.getLogger(__name__)

OpenSession = Callable[[str], Awaitable[Officer]]


class Declined(Exception):
    """A service refused what the story wanted to do; the text is its answer."""


class Desk:
    """Speaks to the services as an officer would, with a session of that officer's own; tokens are issued once per login."""

    def __init__(self, app: ASGIApp, key: SigningKey, open_session: OpenSession) -> None:
        self._key, self._open_session = key, open_session
        self._tokens: dict[str, str] = {}
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1", timeout=60)

    async def ask(self, login: str, method: str, path: str, body: Mapping[str, Any] | None = None, key: str = "") -> Any:
        """Call a JSON API as `login`; the answer's JSON. Raises `Declined`. `key` is an idempotency key."""
        headers = {"authorization": f"Bearer {await self._token(login)}", "content-type": "application/json"}
        if key:
            headers["idempotency-key"] = key
        content = json.dumps(body, default=_plain).encode() if body is not None else None
        response = await self._client.request(method, path, content=content, headers=headers)
        if response.is_success:
            return response.json() if response.content else None
        raise Declined(f"{method} {path} as {login}: {response.status_code} {response.text[:500]}")

    async def _token(self, login: str) -> str:
        if login not in self._tokens:
            self._tokens[login] = self._key.issue(await self._open_session(login), wall_now())
        return self._tokens[login]

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()


class PartnerSystem:
    """Another government's system: a plain NATS client that knows CloudEvents and nothing of ours."""

    def __init__(self, url: str, client: str) -> None:
        self.url, self.client = url, client
        self._connection: Any = None
        self._connecting = asyncio.Lock()

    async def publish(self, noun_verb: str, data: Mapping[str, Any], *, event: str, time: datetime, structured: bool = False) -> None:
        """Publish one event and wait until the broker has stored it."""
        async with self._connecting:
            if self._connection is None:
                self._connection = await nats.connect(self.url, name=f"partner-{self.client}")
        kind = f"inbound.{noun_verb}.v1"
        subject = f"inbound.{self.client}.{noun_verb}.v1"
        attributes = {"specversion": "1.0", "id": event, "source": f"//{self.client}.example/system", "type": kind, "time": time.isoformat()}
        if structured:
            headers = {"content-type": "application/cloudevents+json"}
            body = json.dumps({**attributes, "datacontenttype": "application/json", "data": data}, default=_plain)
        else:
            headers = {f"ce-{name}": value for name, value in attributes.items()} | {"content-type": "application/json"}
            body = json.dumps(data, default=_plain)
        await self._connection.jetstream().publish(subject, body.encode(), headers=headers)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()


class Directory:
    """Finds what the story names by key: how the outside calls a unit."""

    def __init__(self, identifiers: Mapping[str, tuple[str, str]]) -> None:
        self._identifiers = dict(identifiers)

    def reference(self, key: str) -> dict[str, str]:
        """A unit as `{scheme, value}`."""
        scheme, value = self._identifiers[key]
        return {"scheme": scheme, "value": value}


def _plain(value: Any) -> Any:
    """What JSON lacks: decimals as numbers (short ones survive exactly), days and instants as text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")
