"""What people see and send, through the running service."""

import re

import pytest
from sqlalchemy import select

from services.registration.home import HOMES
from services.registration.models import Participation
from shared.events.registration import ParticipationApproved, WorkProgressed
from tests.registration.conftest import PASSWORD, Town, said

PAGES = {
    "xa-ta-tong.clerk": ("participation", "amendments", "works", "works/new", "units", "units?on=2025-07-01&q=binh+lu", "campaign", "password"),
    "xa-ta-tong.head": ("participation", "amendments/new", "works"),
    "hoi-dong.thu-ky": ("participations", "participations?status=none", "amendments", "works", "partners", "campaign"),
    "van-hanh": ("officers", "officers?q=ta+tong", "partners"),
}


async def seen(town: Town, path: str, status: int = 200) -> str:
    answer = await town.client.get(path)
    assert answer.status_code == status, (path, answer.text)
    return answer.text


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_every_page_of_each_role_answers_in_both_languages(town: Town, language: str) -> None:
    for login, pages in PAGES.items():
        await town.browse(login)
        town.client.cookies.set("thidua-language", language)
        for page in pages:
            text = await seen(town, f"/registration/{page}")
            assert f'<html lang="{language}">' in text
            assert "style=" not in text
            assert ("Dữ liệu mẫu" if language == "vi" else "ample data") in text or page == "password"


async def test_each_role_is_led_to_its_own_home_and_a_stranger_to_the_sign_in(town: Town) -> None:
    assert (await town.client.get("/")).headers["location"] == "/registration/sign-in"
    homes = {"xa-ta-tong.clerk": "/reporting/due", "hoi-dong.thu-ky": "/evaluation/league", "hoi-dong.chu-tich": "/evaluation/overview",
             "hoi-dong.uy-vien": "/evaluation/overview", "kiem-tra": "/registration/audit", "van-hanh": "/registration/operations"}
    for login, home in homes.items():
        await town.browse(login)
        assert (await town.client.get("/")).headers["location"] == home
    await town.browse("huyen-muong-te.head")
    assert re.fullmatch(r"/evaluation/units/[0-9a-f-]{36}", (await town.client.get("/")).headers["location"])
    assert len(HOMES) == 8


async def test_sign_in_sets_a_cookie_that_scripts_cannot_read_and_goes_on_to_where_one_wanted(town: Town) -> None:
    fields = {"login": "xa-ta-tong.clerk", "password": PASSWORD}
    answer = await town.client.post("/registration/sign-in", data=fields | {"next": "/registration/works"})
    assert answer.headers["location"] == "/registration/works"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("thidua=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    secure = await town.client.post("https://127.0.0.1/registration/sign-in", data=fields)
    assert secure.headers["set-cookie"].startswith("__Host-thidua=")
    assert "Secure" in secure.headers["set-cookie"]


@pytest.mark.parametrize("elsewhere", ["https://example.com/", "//example.com", "/\\example.com", "javascript:alert(1)"])
async def test_sign_in_leads_nowhere_else(town: Town, elsewhere: str) -> None:
    fields = {"login": "xa-ta-tong.clerk", "password": PASSWORD, "next": elsewhere}
    assert (await town.client.post("/registration/sign-in", data=fields)).headers["location"] == "/reporting/due"


async def test_sign_in_is_refused_from_another_site_and_without_encryption(town: Town) -> None:
    fields = {"login": "xa-ta-tong.clerk", "password": PASSWORD}
    for url, headers in (("/registration/sign-in", {"sec-fetch-site": "cross-site"}), ("http://thidua.example/registration/sign-in", {})):
        answer = await town.client.post(url, data=fields, headers=headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (422, False)
    wrong = await town.client.post("/registration/sign-in", data=fields | {"password": "sai"})
    assert wrong.status_code == 401
    assert "Tên đăng nhập hoặc mật khẩu không đúng." in wrong.text
    assert 'value="xa-ta-tong.clerk"' in wrong.text
    assert "sai" not in re.findall(r'type="password" value="([^"]*)"', wrong.text)


async def test_the_sign_in_page_offers_the_demos_accounts_and_no_others(town: Town) -> None:
    text = await seen(town, "/registration/sign-in")
    assert "hoi-dong.thu-ky" in text
    assert "xa-bum-nua.clerk" not in text


async def test_a_registration_is_typed_corrected_sent_and_approved(town: Town) -> None:
    await town.browse("xa-ta-tong.clerk")
    assert 'value="Giàng A Mẫu"' in await seen(town, "/registration/participation")
    people = {"head.name": "Giàng A Mẫu", "head.post": "Chủ tịch", "focal_officer.name": "Lò Thị Mẫu", "focal_officer.post": "Công chức"}
    wrong = {"target.ho-ngheo": "1.234", "target.tieu-chi-nong-thon-moi": "12", "baseline.tieu-chi-nong-thon-moi": "15", "baseline.duong-nong-thon": "3"}
    answer = await town.post("/registration/participation", do="submit", **people, **wrong)
    assert answer.status_code == 422
    assert re.findall(r'<a href="#([^"]+)">', answer.text) == ["target.ho-ngheo", "target.duong-nong-thon", "target.tieu-chi-nong-thon-moi"]
    assert 'value="1.234"' in answer.text
    right = {"target.ho-ngheo": "25", "baseline.ho-ngheo": "30,25"}
    answer = await town.post("/registration/participation", do="submit", **people, **right)
    assert answer.status_code == 303, answer.text
    assert "30,25" in await seen(town, "/registration/participation")
    assert (await town.post("/registration/participation", do="submit", **people, **right)).status_code == 409
    id = await participation(town)
    await town.browse("hoi-dong.thu-ky")
    assert "Xã Tà Tổng" in await seen(town, "/registration/participations?status=submitted")
    assert "Xã Tà Tổng" in await seen(town, "/registration/participations?search=TA+tong"), "found without marks"
    assert "Xã Tà Tổng" not in await seen(town, "/registration/participations?search=Tam+Duong")
    assert (await town.post(f"/registration/participations/{id}/return", reason="")).status_code == 422
    assert (await town.post(f"/registration/participations/{id}/approve")).status_code == 303
    assert len(await said(town.service.database, ParticipationApproved)) == 1


async def participation(town: Town) -> str:
    async with town.service.database.read() as session:
        return str(await session.scalar(select(Participation.id)))


async def test_a_returned_registration_shows_its_reason_to_the_unit(town: Town) -> None:
    await town.browse("xa-ta-tong.clerk")
    people = {f"{who}.{what}": "x" for who in ("head", "focal_officer") for what in ("name", "post")}
    await town.post("/registration/participation", do="submit", **people, **{"target.ho-ngheo": "25", "baseline.ho-ngheo": "30"})
    id = await participation(town)
    await town.browse("hoi-dong.thu-ky")
    assert (await town.post(f"/registration/participations/{id}/return", reason="Thấp <b>quá</b>")).status_code == 303
    await town.browse("xa-ta-tong.clerk")
    text = await seen(town, "/registration/participation")
    assert "Thấp &lt;b&gt;quá&lt;/b&gt;" in text
    assert 'name="revision" value="3"' in text
    await town.post("/registration/participation", do="save", revision="3", **people, **{"target.ho-ngheo": "24", "baseline.ho-ngheo": "30"})
    answer = await town.post("/registration/participation", do="save", revision="3", **people)
    assert answer.status_code == 409


async def test_an_amendment_shows_that_it_eases_the_target_and_becomes_a_version(town: Town) -> None:
    await town.browse("xa-ta-tong.clerk")
    people = {f"{who}.{what}": "x" for who in ("head", "focal_officer") for what in ("name", "post")}
    await town.post("/registration/participation", do="submit", **people, **{"target.ho-ngheo": "25", "baseline.ho-ngheo": "30"})
    await town.browse("hoi-dong.thu-ky")
    await town.post(f"/registration/participations/{await participation(town)}/approve")
    await town.browse("xa-ta-tong.head")
    assert "Mục tiêu đang có" in await seen(town, "/registration/amendments/new?indicator=ho-ngheo")
    answer = await town.post("/registration/amendments", indicator="ho-ngheo", target="", effective_from="32/7/2023", reason="", legal_basis="x")
    assert answer.status_code == 422
    assert re.findall(r'<a href="#([^"]+)">', answer.text) == ["target", "effective_from"]
    answer = await town.post("/registration/amendments", indicator="ho-ngheo", target="26,5", effective_from="1/7/2023", reason="Mưa lũ", legal_basis="12/UBND")
    assert answer.status_code == 303, answer.text
    place = answer.headers["location"]
    await town.browse("hoi-dong.thu-ky")
    assert "Nới lỏng mục tiêu" in await seen(town, place)
    assert (await town.post(f"{place}/approve")).status_code == 303
    assert "01/07/2023" in await seen(town, place)
    assert "26,5" in await seen(town, "/registration/amendments")


async def test_a_work_is_declared_confirmed_by_the_district_and_started(town: Town) -> None:
    await town.browse("xa-ta-tong.clerk")
    answer = await town.post("/registration/works", title="", purpose="khac", state_share="abc", people_share="")
    assert answer.status_code == 422
    assert re.findall(r'<a href="#([^"]+)">', answer.text) == ["purpose", "state_share", "people_share"]
    answer = await town.post("/registration/works", title="Nhà văn hóa", purpose="social", state_share="1.500,5", people_share="0")
    place = answer.headers["location"]
    assert "1,5 tỷ đồng" in await seen(town, place)
    assert (await town.post(f"{place}/start", on="1/6/2023")).status_code == 409
    await town.browse("huyen-muong-te.head")
    assert "Xác nhận công trình" in await seen(town, place)
    assert (await town.post(f"{place}/confirm")).status_code == 303
    await town.browse("xa-ta-tong.clerk")
    assert (await town.post(f"{place}/start", on="2/6/2023")).status_code == 422
    assert (await town.post(f"{place}/start", on="1/6/2023")).status_code == 303
    assert (await town.post(f"{place}/paint", on="1/6/2023")).status_code == 404
    assert [e.status for e in await said(town.service.database, WorkProgressed)] == ["declared", "confirmed", "started"]


async def test_a_form_without_the_sessions_word_changes_nothing(town: Town) -> None:
    await town.browse("xa-ta-tong.clerk")
    answer = await town.client.post("/registration/works", data={"title": "x", "purpose": "social", "state_share": "1", "people_share": "0"})
    assert answer.status_code == 403
    assert await said(town.service.database, WorkProgressed) == []


async def test_a_units_fragment_is_for_those_who_may_see_the_unit(town: Town) -> None:
    await town.browse("xa-ta-tong.clerk")
    unit = (await town.client.get("/")).headers["location"]
    assert unit == "/reporting/due"
    async with town.service.database.read() as session:
        from services.registration import sessions

        own = (await sessions.open_session(session, "xa-ta-tong.clerk")).unit
    text = await seen(town, f"/registration/fragments/units/{own}")
    assert "<html" not in text
    assert "Chưa đăng ký" in text
    for login, status in (("huyen-muong-te.head", 200), ("hoi-dong.thu-ky", 200), ("xa-bum-nua.clerk", 404), ("huyen-tam-duong.head", 404)):
        await town.browse(login)
        await seen(town, f"/registration/fragments/units/{own}", status)


async def test_both_trees_are_a_click_apart_and_a_day_that_cannot_be_read_is_told(town: Town) -> None:
    await town.browse("xa-ta-tong.clerk")
    assert "Huyện Mường Tè" in await seen(town, "/registration/units?on=30/10/2023")
    assert "Huyện Mường Tè" not in (await seen(town, "/registration/units?on=2025-07-01")).partition("<details")[2].partition("Sắp xếp")[0]
    assert "Không đọc được ngày này." in await seen(town, "/registration/units?on=31/2/2023")


async def test_an_operator_disables_an_account_and_its_open_session_ends(town: Town) -> None:
    clerk = await town.bearer("xa-ta-tong.clerk")
    await town.browse("van-hanh")
    place = re.search(r"/registration/officers/[0-9a-f-]{36}", await seen(town, "/registration/officers?q=xa-ta-tong.clerk"))
    assert place
    assert (await town.post(f"{place[0]}/password", password="ngan")).status_code == 422
    assert (await town.post(f"{place[0]}/password", password="nam sau bay tam")).status_code == 303
    assert (await town.post(f"{place[0]}/disable")).status_code == 303
    assert "Đã khóa" in await seen(town, place[0])
    town.client.cookies.clear()
    assert (await town.client.get("/registration/api/units", headers=clerk)).status_code == 401
    await town.browse("xa-ta-tong.head")
    for path in ("officers", place[0].removeprefix("/registration/"), "partners"):
        await seen(town, f"/registration/{path}", 403)


async def test_who_is_no_operator_gives_nobody_a_password_not_even_somebody_of_the_own_unit(town: Town) -> None:
    await town.browse("van-hanh")
    place = re.search(r"/registration/officers/[0-9a-f-]{36}", await seen(town, "/registration/officers?q=xa-ta-tong.clerk"))
    assert place
    for login in ("xa-ta-tong.head", "hoi-dong.thu-ky"):
        await town.browse(login)
        assert (await town.post(f"{place[0]}/password", password="nam sau bay tam")).status_code == 403, login
    await town.browse("xa-ta-tong.clerk")  # by the password from before


async def test_one_changes_ones_own_password_and_signs_out(town: Town) -> None:
    await town.browse("xa-ta-tong.clerk")
    assert (await town.post("/registration/password", present="sai", password="nam sau bay tam")).status_code == 422
    assert "Đã đổi mật khẩu" in (await town.post("/registration/password", present=PASSWORD, password="nam sau bay tam")).text
    cookie = dict(town.client.cookies)
    assert (await town.post("/registration/sign-out")).headers["location"] == "/registration/sign-in"
    town.client.cookies.update(cookie)
    assert (await town.client.get("/registration/works")).status_code == 303


async def test_a_stranger_is_led_to_the_sign_in_from_every_page(town: Town) -> None:
    for pages in PAGES.values():
        for page in pages:
            if not page.startswith("sign-in"):
                assert (await town.client.get(f"/registration/{page}")).headers["location"].startswith("/registration/sign-in?next=")
