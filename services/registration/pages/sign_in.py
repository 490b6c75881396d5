"""Sign-in with a local account, sign-out, and one's own password."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.registration import keys, officers, sessions
from services.registration.home import home_of
from services.registration.pages.forms import typed
from services.registration.pages.rendering import go, show, show_again
from services.registration.pages.words import ROLE
from shared import security, units
from shared.clock import local_date
from shared.messages import Fault, Message, Refused
from shared.security import PLAIN_COOKIE, SECURE_COOKIE, Officer, SignedIn, wall_now
from shared.service import Here, Service
from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute)


@router.get("/sign-in")
async def form(request: Request, service: Here) -> HTMLResponse:
    """The form; in a demo, with its accounts."""
    asked = request.query_params
    return show(request, "sign_in.html", **await _around(service), next=_inside(asked.get("next", "")), unsent="unsent" in asked)


@router.post("/sign-in", response_model=None)
async def sign_in(request: Request, service: Here) -> Response:
    """A cookie for a working day, then on to where one wanted to go."""
    written = await typed(request)
    wall = wall_now()
    try:
        _must_be_our_page(request)
        _must_be_safe(request)
        address = request.client.host if request.client else ""
        officer = await sessions.sign_in(service.database, written.text("login"), str(written.form.get("password", "")), address, wall)
    except Refused as refused:
        around = await _around(service)
        return show_again(request, "sign_in.html", refused, **around, next=_inside(written.text("next")), unsent=False, typed=written.form)
    async with service.database.write() as session:
        await keys.publish(session, service.extras["signing_key"], wall, service.now())
    response = go(_inside(written.text("next")) or home_of(officer))
    _set_cookie(request, response, service.extras["signing_key"].issue(officer, wall))
    return response


def _must_be_our_page(request: Request) -> None:
    """Another site must not sign somebody in as somebody else."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Refused(Fault("", Message("Yêu cầu đến từ trang khác. Đồng chí hãy mở trang đăng nhập rồi làm lại.")))


def _must_be_safe(request: Request) -> None:
    if not security.is_private(request):
        raise Refused(Fault("", Message("Kết nối chưa được mã hóa nên chưa thể đăng nhập. Đồng chí hãy dùng địa chỉ https.")))


def _inside(path: str) -> str:
    """Only a path of ours: never another host."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and "\n" not in path else ""


def _set_cookie(request: Request, response: Response, token: str) -> None:
    secure = request.url.scheme == "https"
    name, seconds = (SECURE_COOKIE if secure else PLAIN_COOKIE), int(security.DAY.total_seconds())
    response.set_cookie(name, token, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")


async def _around(service: Service) -> dict[str, Any]:
    """In a demo the page offers its accounts, with their unit; nowhere else does it tell who has one."""
    if not service.settings.simulated:
        return {"accounts": [], "password": ""}
    async with service.database.read() as session:
        known = await units.on_day(session, local_date(service.now()))
        shown = [row for row in await officers.listed(session) if row.shown and row.active]
    shown.sort(key=lambda row: (list(ROLE).index(row.roles[0]), row.login))
    accounts = [{"login": a.login, "post": a.post, "unit": known[a.unit].name if a.unit in known else ""} for a in shown]
    return {"accounts": accounts, "password": service.extras.get("demo_password", "")}


@router.post("/sign-out")
async def sign_out(officer: SignedIn, service: Here) -> RedirectResponse:
    """The session ends everywhere."""
    async with service.database.write() as session:
        await sessions.sign_out(session, officer, service.now())
    response = go("/registration/sign-in")
    for name in (SECURE_COOKIE, PLAIN_COOKIE):
        response.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="lax")
    return response


@router.get("/password")
async def password_form(request: Request, _: SignedIn) -> HTMLResponse:
    """One's own password."""
    return show(request, "password.html", done=False)


@router.post("/password")
async def change_password(request: Request, officer: SignedIn, service: Here) -> HTMLResponse:
    """Another password, for whoever knows the present one."""
    form = await request.form()
    present, wanted = str(form.get("present", "")), str(form.get("password", ""))
    try:
        await _change(service, officer, present, wanted)
    except Refused as refused:
        return show_again(request, "password.html", refused, done=False)
    return show(request, "password.html", done=True)


async def _change(service: Service, officer: Officer, present: str, wanted: str) -> None:
    async with service.database.read() as session:
        account = await officers.find(session, officer.id)
    if not await officers.fits(account.password_hash, present):
        raise Refused(Fault("present", Message("Mật khẩu hiện nay không đúng.")))
    async with service.database.write() as session:
        await officers.set_password(session, officer, account.login, wanted, service.now())
