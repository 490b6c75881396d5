"""Partner systems, for operators: registered, given keys that are shown once, shut out at once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from services.registration import campaigns, partner_keys, partners
from services.registration.pages.forms import Typed, typed
from services.registration.pages.rendering import go, show, show_again
from services.registration.partner_keys import OVERLAP, QUOTA, Terms
from services.registration.partners import PartnerForm
from shared import units as directory
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.campaign import Campaign, UnitKind
from shared.events.contract import inbound_types
from shared.events.registration import Role
from shared.events.reporting import IndicatorObserved, UnitRef
from shared.messages import Fault, Message, Refused
from shared.security import SignedIn, wall_now
from shared.service import Here, Service
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)


@router.get("/partners")
async def listed(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """Which systems may say what, with which keys."""
    officer.must_hold(Role.SECRETARY, Role.AUDITOR, Role.OPERATOR)
    async with service.database.read() as session:
        return show(request, "partners.html", **await _listing(session, request, service), may_change=officer.holds(Role.OPERATOR))


async def _listing(session: ReadSession, request: Request, service: Service) -> dict[str, Any]:
    campaign = await campaigns.chosen(session, request.query_params.get("campaign"))
    rows = await partners.listed(session, campaign.code)
    names = await directory.on_day(session, local_date(service.now()), {unit for row in rows for unit in (row.unit, *(row.units or ()))})
    keys = {row.client: await partner_keys.holding(session, row.client, wall_now()) for row in rows}
    return {
        "campaign": campaign, "rows": rows, "names": names, "keys": keys, "admitted": await partner_keys.admissions(session),
        "types_of": partners.types_of,
    }  # fmt: skip


@router.get("/partners/new")
async def form(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """A system to be registered."""
    officer.must_hold(Role.OPERATOR)
    async with service.database.read() as session:
        campaign = await campaigns.chosen(session, request.query_params.get("campaign"))
    return show(request, "partner_form.html", **_choices(campaign, {"types": [IndicatorObserved.TYPE]}))


@router.post("/partners", response_model=None)
async def register(request: Request, officer: SignedIn, service: Here) -> Response:
    """Register a system and show its secrets: this page is the only place where they ever stand."""
    officer.must_hold(Role.OPERATOR)
    written = await typed(request)
    async with service.database.read() as session:
        campaign = await campaigns.chosen(session, written.text("campaign") or None)
    chosen = _chosen(written)
    try:
        described, terms = _form(written, chosen), _terms(written)
        written.check()
        async with service.database.write() as session:
            await partners.register(session, campaign, described, service.now())
            made = await partner_keys.admit(session, officer, described.client, terms, wall_now())
    except Refused as refused:
        if refused.status == 403:
            raise
        return show_again(request, "partner_form.html", refused, **_choices(campaign, chosen), typed=written.form)
    return show(request, "partner_secrets.html", campaign=campaign, made=made, overlap=None)


@router.get("/partners/{client}/change")
async def change_form(client: str, request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """A system's scope and terms as they are, to be changed."""
    officer.must_hold(Role.OPERATOR)
    async with service.database.read() as session:
        campaign = await campaigns.chosen(session, request.query_params.get("campaign"))
        row = await partners.find(session, campaign, client)
        door = (await partner_keys.admissions(session)).get(client)
        described = await partners.described(session, row)
    terms = partner_keys.terms_of(door) if door else Terms()
    as_it_is = {
        "title": row.title, "unit": described.unit, "only": "\n".join(map(str, described.units)),
        "quota": terms.quota, "contact": terms.contact, "signing_keys": "\n".join(terms.signing_keys),
    }  # fmt: skip
    chosen = {"types": partners.types_of(row), "indicators": row.indicators, "kinds": row.kinds}
    return show(request, "partner_form.html", **_choices(campaign, chosen, client), typed=as_it_is)


@router.post("/partners/{client}/change", response_model=None)
async def change(client: str, request: Request, officer: SignedIn, service: Here) -> Response:
    """Other scope or terms from now on, by the same keys."""
    officer.must_hold(Role.OPERATOR)
    written = await typed(request)
    async with service.database.read() as session:
        campaign = await campaigns.chosen(session, written.text("campaign") or None)
    chosen = _chosen(written)
    try:
        described, terms = replace(_form(written, chosen), client=client), _terms(written)
        written.check()
        async with service.database.write() as session:
            await partners.change(session, officer, campaign, described, service.now())
            await partner_keys.change(session, officer, client, terms, wall_now())
    except Refused as refused:
        if refused.status == 403 or refused.faults[0].field == "client":
            raise
        return show_again(request, "partner_form.html", refused, **_choices(campaign, chosen, client), typed=written.form)
    return go("/registration/partners")


def _chosen(written: Typed) -> dict[str, list[str]]:
    return {name: [str(value) for value in written.form.getlist(name)] for name in ("types", "indicators", "kinds")}


def _choices(campaign: Campaign, chosen: Mapping[str, Sequence[str]], client: str = "") -> dict[str, Any]:
    """What the form offers; `client`: the system that is there already."""
    return {"campaign": campaign, "types": inbound_types(), "chosen": chosen, "quota": QUOTA, "client": client}


def _form(written: Typed, chosen: dict[str, list[str]]) -> PartnerForm:
    kinds = tuple(UnitKind(kind) for kind in chosen["kinds"] if kind in set(UnitKind))
    if not kinds:
        written.faults.append(Fault("kinds", Message("Chưa chọn loại đơn vị."), Message("Chọn ít nhất một loại; được báo về mọi loại thì chọn hết.")))
    only = tuple(_unit(line, "only", written) for line in written.text("only").split())
    unit = _unit(written.text("unit"), "unit", written)
    return PartnerForm(
        written.text("client"), written.text("title"), unit, tuple(chosen["types"]), tuple(chosen["indicators"]), kinds, only
    )


def _unit(text: str, field: str, written: Typed) -> UnitRef:
    scheme, _, value = text.partition(":")
    if not value:
        written.faults.append(Fault(field, Message("Chưa ghi đơn vị."), Message("Ghi lược đồ và giá trị, ví dụ dinh-danh:H35.34.")))
    return UnitRef(scheme=scheme, value=value)


def _terms(written: Typed) -> Terms:
    quota = written.amount("quota")
    return Terms(int(quota) if quota is not None else QUOTA, written.text("contact"), tuple(written.text("signing_keys").split()))


@router.post("/partners/{client}/rotate", response_model=None)
async def rotate(client: str, request: Request, officer: SignedIn, service: Here) -> Response:
    """New keys, shown once; the old ones hold a week yet."""
    async with service.database.write() as session:
        made = await partner_keys.rotate(session, officer, client, OVERLAP, wall_now())
        campaign = await campaigns.chosen(session, None)
    return show(request, "partner_secrets.html", campaign=campaign, made=made, overlap=OVERLAP // timedelta(days=1))


@router.post("/partners/{client}/admit", response_model=None)
async def admit(client: str, request: Request, officer: SignedIn, service: Here) -> Response:
    """Let a system that was shut out in again, on its terms, with new keys that are shown once."""
    async with service.database.write() as session:
        made = await partner_keys.admit(session, officer, client, None, wall_now())
        campaign = await campaigns.chosen(session, None)
    return show(request, "partner_secrets.html", campaign=campaign, made=made, overlap=None)


@router.post("/partners/{client}/revoke", response_model=None)
async def revoke(client: str, officer: SignedIn, service: Here) -> Response:
    """Shut the system out."""
    async with service.database.write() as session:
        await partner_keys.revoke(session, officer, client, wall_now())
    return go("/registration/partners")
