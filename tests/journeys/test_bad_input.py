"""What comes in wrong: on the running system, over HTTP and NATS, told by field and cure in both languages, seen, and without any effect."""

import contextlib
import json
import unicodedata
from datetime import timedelta

import httpx
import nats
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import text

from services.reporting.rules.timeliness import GRACE
from services.simulation.doors import _plain
from shared.bundled import BundledBroker, free_port
from shared.outbox import outbox
from shared.security import DAY, SigningKey, wall_now
from tests.journeys.conftest import staged

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNIT, OTHER, DISTRICT = "xa-ta-tong", "xa-mu-ca", "huyen-muong-te"
PATH = "/reporting/api/reports"
REVENUE = 2
"""The place in the report of an indicator without an upper limit."""


class Door:
    """The running system at a real port, spoken to as any program would."""

    def __init__(self, stage, client: httpx.AsyncClient) -> None:
        self.stage, self.client = stage, client

    def report(self, of: str = UNIT, /, **changes) -> dict:
        act = next(a for a in self.stage.acts["report"] if a.unit == of)
        body = {"campaign": "lai-chau-2023", "unit": self.stage.hands.directory.reference(of), "round": "ky-1", "values": act.data["values"]}
        return json.loads(json.dumps(body | changes, default=_plain))

    def valued(self, value, **changes) -> dict:
        """A report whose revenue says `value`."""
        report = self.report()
        report["values"][REVENUE] |= {"value": value} | changes
        return report

    def with_row(self, **changes) -> dict:
        """A report with one more row."""
        report = self.report()
        return report | {"values": [*report["values"], report["values"][REVENUE] | changes]}

    async def post(self, body, *, token: str | None = None, language: str = "vi", login: str = f"{UNIT}.clerk") -> httpx.Response:
        token = await self.stage.scene.desk._token(login) if token is None else token
        headers = {"content-type": "application/json", "accept-language": language}
        headers |= {"authorization": f"Bearer {token}"} if token else {}
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return await self.client.post(PATH, content=content, headers=headers)

    async def counts(self) -> dict[str, int]:
        """How many rows every table of every service holds."""
        await self.stage.rest()
        found = {}
        for service in self.stage.scene.local.services:
            async with service.database.read() as session:
                for name in (await session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'"))).all():
                    found[f"{service.name}.{name}"] = await session.scalar(text(f'SELECT count(*) FROM "{name}"'))
        return found

    async def refusals(self, status: int) -> float:
        """How many requests the service counts as answered with that status."""
        metrics = (await self.client.get("/reporting/metrics")).text.splitlines()
        lines = [m for m in metrics if m.startswith("thidua_http_request_seconds_count") and f'status="{status}"' in m and PATH in m]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    @contextlib.asynccontextmanager
    async def changes_only(self, **expected: int):
        """Nothing changes inside the block but these tables, by so many rows."""
        before = await self.counts()
        yield
        after = await self.counts()
        assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == expected

    async def refuses(self, body, status: int, field: str, cures: tuple[str, str], **how) -> None:
        """Refused in both languages with that field first, with its cure, counted where an operator looks, kept in the audit
        trail when its author is known, and without any other effect."""
        seen = await self.refusals(status)
        async with self.changes_only(**({} if status == 401 else {"reporting.audit": 2})):
            for language, cure in zip(("vi", "en"), cures, strict=True):
                response = await self.post(body, language=language, **how)
                faults = response.json()["faults"]
                assert (response.status_code, faults[0]["field"]) == (status, field), response.text
                assert cure in faults[0]["message"], response.text
        assert await self.refusals(status) == seen + 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad-input")
    broker = BundledBroker(folder / "nats")
    await broker.start()
    try:
        async with staged(folder / "data", broker, "") as stage:
            await stage.take_part(UNIT, OTHER, DISTRICT)
            await stage.at(stage.scene.loaded.campaign.rounds[0].opens_at)
            address = await stage.scene.local.serve(free_port())
            async with httpx.AsyncClient(base_url=address, timeout=30) as client:
                yield Door(stage, client)
    finally:
        await broker.stop()


WRONG = {
    "an unknown unit": (lambda d: d.report(unit={"scheme": "dinh-danh", "value": "H99.99"}), 404, "unit", ("Hãy ghi mã", "Write the unit's id")),
    "an unknown indicator": (lambda d: d.with_row(indicator="vang"), 422, "values.8.indicator", ("Hãy bỏ dòng này", "Leave this line out")),
    "an unknown round": (lambda d: d.report(round="ky-9"), 404, "round", ("ky-1, ky-2", "ky-1, ky-2")),
    "a round not open yet": (lambda d: d.report(round="ky-2"), 422, "round", ("Kỳ mở từ", "opens")),
    "the wrong unit of measure": (
        lambda d: d.valued(1, unit_of_measure="trieu-dong"), 422, "values.2.unit_of_measure", ("Hãy dùng “ty-dong”", "Use “ty-dong”"),
    ),
    "NaN": (lambda d: d.valued(float("nan")), 422, "values.2.value", ("gửi null", "null")),
    "NaN as text": (lambda d: d.valued("NaN"), 422, "values.2.value", ("12,5", "12,5")),
    "1e400": (lambda d: json.dumps(d.valued(-7)).replace("-7", "1e400").encode(), 422, "values.2.value", ("Hãy kiểm tra lại", "Check")),
    "1e400 as text": (lambda d: d.valued("1e400"), 422, "values.2.value", ("Hãy ghi đủ các chữ số", "digits")),
    "a number too long for an exponent": (
        lambda d: json.dumps(d.valued(-7)).replace("-7", "1e" + "9" * 30).encode(), 422, "values.2.value", ("Hãy kiểm tra lại", "Check"),
    ),
    "30 digits": (lambda d: d.valued(int("1" * 30)), 422, "values.2.value", ("Hãy kiểm tra lại", "Check")),
    "30 digits as text": (lambda d: d.valued("1" * 30), 422, "values.2.value", ("Hãy kiểm tra lại", "Check")),
    "1,234.5": (lambda d: d.valued("1,234.5"), 422, "values.2.value", ("Hãy ghi như sau: 1234,5", "1234,5")),
    "1.234": (lambda d: d.valued("1.234"), 422, "values.2.value", ("hãy ghi 1234;", "1234;")),
    "another unit's report": (lambda d: d.report(OTHER), 404, "unit", ("phạm vi của đồng chí", "you")),
    "a body of 10 MB": (lambda d: json.dumps(d.report(note="x" * 10_000_000)).encode(), 413, "", ("Hãy chia nhỏ", "Split")),
    "no JSON": (lambda d: b'{"campaign": ', 422, "", ("dòng 1, cột 14", "line 1, column 14")),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
async def test_a_wrong_report_is_refused_by_field_with_its_cure_and_without_effect(door, case):
    body, status, field, cures = WRONG[case]
    await door.refuses(body(door), status, field, cures)


async def test_every_fault_of_a_report_is_told_at_once(door):
    body = door.valued("1,234.5", kind="guess", as_of="31/02/2023")
    body["values"][0]["value"] = True
    faults = (await door.post(body)).json()["faults"]
    assert {f["field"] for f in faults} == {"values.0.value", "values.2.value", "values.2.kind", "values.2.as_of"}


async def token(door, wall) -> str:
    desk = door.stage.scene.desk
    return desk._key.issue(await desk._open_session(f"{UNIT}.clerk"), wall)


async def foreign(door) -> str:
    """A token that says the same, with the same key's name, signed by somebody else."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    stranger, desk = SigningKey(pem), door.stage.scene.desk
    stranger.id = desk._key.id
    return stranger.issue(await desk._open_session(f"{UNIT}.clerk"), wall_now())


SESSIONS = {
    "missing": (lambda _: _text(""), ("cần đăng nhập", "sign in")),
    "no token at all": (lambda _: _text("abc"), ("Đồng chí hãy đăng nhập lại", "sign in again")),
    "expired": (lambda door: token(door, wall_now() - DAY - timedelta(seconds=1)), ("Đồng chí hãy đăng nhập lại", "sign in again")),
    "foreign": (foreign, ("Đồng chí hãy đăng nhập lại", "sign in again")),
}


async def _text(value: str) -> str:
    return value


@pytest.mark.parametrize("case", SESSIONS)
async def test_without_a_session_of_ours_nothing_is_taken(door, case):
    make, cures = SESSIONS[case]
    await door.refuses(door.report(), 401, "", cures, token=await make(door))


async def test_nfd_text_and_a_grouped_number_are_taken_as_they_are_meant(door):
    note = "Kỳ này thu vượt dự kiến"
    decomposed = unicodedata.normalize("NFD", note)
    assert decomposed != note
    response = await door.post(door.valued("1.234,5", note=decomposed))
    assert response.status_code == 201, response.text
    token = await door.stage.scene.desk._token(f"{UNIT}.clerk")
    read = await door.client.get(f"{PATH}/{response.json()['report']}", headers={"authorization": f"Bearer {token}"})
    kept = read.json()["values"][REVENUE]
    assert (kept["note"], kept["value"]) == (note, "1234.5")


async def test_another_units_report_can_be_neither_read_nor_returned(door):
    report = (await door.post(door.report(OTHER), login=f"{OTHER}.clerk")).json()["report"]
    headers = {"authorization": f"Bearer {await door.stage.scene.desk._token(f'{UNIT}.head')}"}
    async with door.changes_only(**{"reporting.audit": 1}):
        read = await door.client.get(f"{PATH}/{report}", headers=headers)
        returned = await door.client.post(f"{PATH}/{report}/return", headers=headers, json={"reason": "x"})
    assert (read.status_code, returned.status_code) == (404, 404)
    assert "phạm vi" in read.json()["faults"][0]["message"]


def event(door, **changes) -> tuple[dict[str, str], dict]:
    """A good partner's event, attributes and data, with changes; None takes an attribute away."""
    data = {
        "campaign": "lai-chau-2023", "unit": door.stage.hands.directory.reference(DISTRICT), "indicator": "giai-ngan", "value": "48.8",
        "unit_of_measure": "phan-tram", "kind": "official", "as_of": "2023-07-14",
    }  # fmt: skip
    attributes = {"specversion": "1.0", "id": "e-1", "source": "//kho-bac.example", "type": "inbound.indicator.observed.v1", "time": "2023-07-14T09:00:00Z"}
    data |= changes.pop("data", {})
    attributes |= changes
    return {f"ce-{name}": value for name, value in attributes.items() if value is not None} | {"content-type": "application/json"}, data


EVENTS = {
    "no id": ({"id": None}, "id", ("Hãy bổ sung theo CloudEvents", "CloudEvents")),
    "an unknown type": ({"id": "t", "type": "inbound.weather.observed.v1"}, "type", ("inbound.indicator.observed.v1", "inbound.indicator.observed.v1")),
    "a wrong schema version": ({"id": "v", "type": "inbound.indicator.observed.v2"}, "type", ("Hãy dùng inbound.indicator.observed.v1", "v1")),
    "an unknown unit": ({"id": "u", "data": {"unit": {"scheme": "dinh-danh", "value": "H99"}}}, "unit", ("Hãy kiểm tra mã", "Check")),
    "an unknown indicator": ({"id": "i", "data": {"indicator": "vang"}}, "indicator", ("giai-ngan", "giai-ngan")),
    "a wrong unit of measure": ({"id": "m", "data": {"unit_of_measure": "ty-dong"}}, "unit_of_measure", ("“phan-tram”", "“phan-tram”")),
    "a number that is none": ({"id": "n", "data": {"value": "1,234.5"}}, "value", ("12.5", "12.5")),
}


async def publish(door, attributes, data) -> None:
    connection = await nats.connect(door.stage.broker.url)
    try:
        subject = "inbound.kho-bac.indicator.observed.v1"
        await connection.jetstream().publish(subject, json.dumps(data).encode(), headers=attributes)
    finally:
        await connection.close()


@pytest.mark.parametrize("case", EVENTS)
async def test_a_partners_wrong_event_is_refused_answered_shown_and_without_other_effect(door, case):
    changes, field, cures = EVENTS[case]
    effects = {"reporting.inbound_events": 1, "reporting.inbox": 1, "reporting.outbox": 1}
    async with door.changes_only(**effects):
        await publish(door, *event(door, **changes))
        await door.stage.rest()
    await answered(door, changes["id"] or "", field, cures)
    for language, cure in zip(("vi", "en"), cures, strict=True):
        assert cure in await shown(door, language)


async def answered(door, identity: str, field: str, cures: tuple[str, str]) -> None:
    """The partner is told on its own subject."""
    async with door.stage.service("reporting").database.read() as session:
        row = (await session.execute(outbox.select().order_by(outbox.c.position.desc()).limit(1))).one()
    assert (row.subject, row.sent is not None) == ("reporting.event.rejected.v1.kho-bac", True)
    told = json.loads(row.body)
    assert (told["event"], told["faults"][0]["field"]) == (identity, field), told
    assert cures[0] in told["faults"][0]["vi"]
    assert cures[1] in told["faults"][0]["en"]


async def shown(door, language: str) -> str:
    """The newest refused event as an operator sees it on its page."""
    headers = {"cookie": f"thidua={await door.stage.scene.desk._token('van-hanh')}"}
    page = await door.client.get("/reporting/inbound?state=rejected", headers=headers)
    assert page.status_code == 200
    first = page.text.partition('href="/reporting/inbound/')[2].partition('"')[0]
    return (await door.client.get(f"/reporting/inbound/{first}?lang={language}", headers=headers)).text


async def test_after_the_movement_a_round_is_closed_and_says_who_can_open_it(tmp_path, broker):
    async with staged(tmp_path / "data", broker, "") as stage:
        await stage.take_part(UNIT)
        await stage.at(stage.scene.loaded.campaign.rounds[0].opens_at)
        await stage.at(stage.scene.loaded.campaign.ends_at + GRACE + timedelta(hours=1))
        async with httpx.AsyncClient(base_url=await stage.scene.local.serve(free_port()), timeout=30) as client:
            door = Door(stage, client)
            await door.refuses(door.report(), 422, "round", ("Thường trực Hội đồng có thể mở lại", "standing office"))


