"""Programs act for officers over HTTP: rights, faults by field, exact numbers."""

import json
from datetime import timedelta
from typing import Any

import pytest

from services.registration.subscribers import on_tick
from shared.events.registration import CampaignAdvanced, CommitmentApproved, ParticipationApproved, WorkProgressed
from tests.registration.conftest import PASSWORD, REGISTERING, Town, said

API = "/registration/api"
PERSON = {"name": "Giàng A Mẫu", "post": "Chủ tịch"}


async def call(town: Town, login: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = await town.client.request(method, f"{API}/{path}", json=body, headers=await town.bearer(login))
    return answer.status_code, answer.json()


async def unit_named(town: Town, name: str) -> dict[str, Any]:
    _, units = await call(town, "van-hanh", "GET", "units")
    return next(u for u in units if u["name"] == name)


def target(indicator: str, baseline: Any, value: Any, measure: str) -> dict[str, Any]:
    return {"indicator": indicator, "baseline": baseline, "target": value, "unit_of_measure": measure}


async def body(town: Town, *targets: dict[str, Any]) -> dict[str, Any]:
    scheme, _, value = next(i for i in (await unit_named(town, "Xã Tà Tổng"))["identifiers"] if i.startswith("dvhc")).partition(":")
    found = targets or (target("ho-ngheo", "30.25", 25, "phan-tram"), target("tieu-chi-nong-thon-moi", 12, 15.5, "tieu-chi"))
    return {"unit": {"scheme": scheme, "value": value}, "head": PERSON, "focal_officer": PERSON, "commitments": list(found)}


async def test_the_whole_way_from_sign_in_to_a_target_in_its_second_version(town: Town) -> None:
    signed = await town.client.post(f"{API}/sessions", json={"login": "xa-ta-tong.clerk", "password": PASSWORD})
    assert (signed.status_code, signed.json()["officer"]["roles"]) == (201, ["clerk"])
    headers = {"authorization": f"Bearer {signed.json()['token']}"}
    saved = (await town.client.put(f"{API}/participations", json=await body(town), headers=headers)).json()
    assert (saved["status"], saved["revision"]) == ("draft", 1)
    id = saved["id"]
    assert await call(town, "xa-ta-tong.clerk", "POST", f"participations/{id}/submit") == (200, {"id": id, "status": "submitted", "revision": 2})
    assert await call(town, "hoi-dong.thu-ky", "POST", f"participations/{id}/approve") == (200, {"id": id, "status": "approved", "revision": 3})
    unit = (await unit_named(town, "Xã Tà Tổng"))["id"]
    proposal = {
        "unit": unit, "indicator": "ho-ngheo", "target": "26", "reason": "Mưa lũ", "legal_basis": "123/UBND", "effective_from": "2023-08-15",
    }
    status, amendment = await call(town, "xa-ta-tong.head", "POST", "amendments", proposal)
    assert (status, amendment["status"]) == (201, "proposed")
    status, amendment = await call(town, "hoi-dong.thu-ky", "POST", f"amendments/{amendment['id']}/approve")
    assert (status, amendment["status"]) == (200, "approved")
    _, versions = await call(town, "huyen-muong-te.head", "GET", f"units/{unit}/commitments")
    assert [(v["revision"], v["target"]) for v in versions if v["indicator"] == "ho-ngheo"] == [(2, "26"), (1, "25")]
    assert len(await said(town.service.database, ParticipationApproved)) == 1
    assert len(await said(town.service.database, CommitmentApproved)) == 3


async def test_a_work_goes_its_way_and_the_books_count_it(town: Town) -> None:
    unit = (await unit_named(town, "Xã Tà Tổng"))["id"]
    declared = {"unit": unit, "title": "Nhà văn hóa bản", "purpose": "social", "state_share": "350", "people_share": 42.5}
    status, work = await call(town, "xa-ta-tong.clerk", "POST", "works", declared)
    assert (status, work["confirmed"], work["people_share"]) == (201, False, "42.5")
    for login, step in (("huyen-muong-te.clerk", "confirm"), ("xa-ta-tong.head", "start"), ("xa-ta-tong.head", "complete"), ("xa-ta-tong.head", "unveil")):
        status, work = await call(town, login, "POST", f"works/{work['id']}/{step}")
        assert status == 200, work
    assert (work["status"], len(await said(town.service.database, WorkProgressed))) == ("unveiled", 5)
    status, books = await call(town, "van-hanh", "GET", "books")
    assert (status, books["works"]["unveiled"], books["phase"]) == (200, 1, "registering")
    assert books["events"]["recorded"] == len(await said(town.service.database))
    assert (await call(town, "xa-ta-tong.head", "GET", "books"))[0] == 403


async def test_a_fault_names_its_field_in_the_callers_language(town: Town) -> None:
    sent = await body(town, target("ho-ngheo", 25, 30, "phan-tram"), target("grdp", 1, 2, "phan-tram"))
    headers = await town.bearer("xa-ta-tong.clerk") | {"accept-language": "en"}
    answer = await town.client.put(f"{API}/participations", json=sent, headers=headers)
    assert answer.status_code == 422
    faults = answer.json()["faults"]
    assert [f["field"] for f in faults] == ["commitments.0.target", "commitments.1.indicator"]
    assert faults[0]["message"] == "This indicator should fall: the target must be below the baseline. Write less than 25."


NUMBERS = ['"1.234,5"', '"1,234.5"', "NaN", "Infinity", "1e400", "1" * 30, '"12a"', "true"]


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_number_that_is_none_or_out_of_all_measure_is_refused(town: Town, number: str) -> None:
    sent = await body(town)
    text = json.dumps(sent).replace('"30.25"', number)
    answer = await town.client.put(
        f"{API}/participations", content=text, headers=await town.bearer("xa-ta-tong.clerk") | {"content-type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["faults"]
    assert (await call(town, "van-hanh", "GET", "participations"))[1] == []


async def test_another_units_things_are_not_there(town: Town) -> None:
    _, saved = await call(town, "xa-ta-tong.clerk", "PUT", "participations", await body(town))
    for login in ("xa-bum-nua.clerk", "huyen-tam-duong.head"):
        assert (await call(town, login, "GET", f"participations/{saved['id']}"))[0] == 404
        assert (await call(town, login, "GET", "participations")) == (200, [])
        assert (await call(town, login, "POST", f"participations/{saved['id']}/submit"))[0] == 404
        assert (await call(town, login, "PUT", "participations", await body(town)))[0] == 404
    assert (await call(town, "huyen-muong-te.head", "GET", f"participations/{saved['id']}"))[0] == 200


async def test_another_units_works_amendments_and_targets_are_not_there(town: Town) -> None:
    unit = (await unit_named(town, "Xã Tà Tổng"))["id"]
    declared = {"unit": unit, "title": "Nhà văn hóa bản", "purpose": "social", "state_share": "350", "people_share": "42.5"}
    _, work = await call(town, "xa-ta-tong.clerk", "POST", "works", declared)
    _, saved = await call(town, "xa-ta-tong.clerk", "PUT", "participations", await body(town))
    await call(town, "xa-ta-tong.clerk", "POST", f"participations/{saved['id']}/submit")
    await call(town, "hoi-dong.thu-ky", "POST", f"participations/{saved['id']}/approve")
    reason = {"reason": "Mưa lũ", "legal_basis": "123/UBND", "effective_from": "2023-08-15"}
    _, amendment = await call(town, "xa-ta-tong.head", "POST", "amendments", {"unit": unit, "indicator": "ho-ngheo", "target": "26"} | reason)
    paths = (f"works/{work['id']}", f"amendments/{amendment['id']}", f"units/{unit}/commitments")
    for login, status, number in (("huyen-muong-te.head", 200, 1), ("xa-bum-nua.clerk", 404, 0), ("huyen-tam-duong.head", 404, 0)):
        assert [(await call(town, login, "GET", path))[0] for path in paths] == [status] * 3, login
        assert [len((await call(town, login, "GET", path))[1]) for path in ("works", "amendments")] == [number] * 2, login
        assert (await call(town, login, "POST", "works", declared))[0] == 404, f"{login} declares for another unit"


PROTECTED = [
    ("GET", "participations"), ("PUT", "participations"), ("POST", "participations/x/approve"), ("GET", "amendments"), ("POST", "amendments"),
    ("GET", "works"), ("POST", "works"), ("POST", "works/x/confirm"), ("GET", "units"), ("GET", "units/x/commitments"), ("GET", "campaigns"),
    ("POST", "campaigns/x/review"), ("GET", "partners"), ("GET", "books"), ("DELETE", "sessions/current"),
]  # fmt: skip


async def test_nothing_answers_without_a_session(town: Town) -> None:
    for method, path in PROTECTED:
        for headers in ({}, {"authorization": "Bearer x.y.z"}):
            answer = await town.client.request(method, f"{API}/{path}", headers=headers)
            assert answer.status_code == 401, (method, path, answer.text)


async def test_what_does_not_exist_is_not_found_whatever_is_asked_of_it(town: Town) -> None:
    for path in ("participations/x/submit", "participations/x/approve", "amendments/x/approve", "works/x/confirm", "works/x/start", "campaigns/x/review"):
        assert (await call(town, "hoi-dong.thu-ky", "POST", path))[0] == 404, path
    status, answer = await call(town, "xa-ta-tong.clerk", "PUT", "participations", await body(town) | {"unit": {"scheme": "dvhc", "value": "0"}})
    assert (status, answer["faults"][0]["field"]) == (404, "unit")
    assert (await call(town, "xa-ta-tong.clerk", "PUT", "participations", await body(town) | {"campaign": "khac"}))[0] == 404


async def test_the_review_is_opened_over_the_api_once_a_tick_has_closed_the_movement(town: Town) -> None:

    path = "campaigns/lai-chau-2023/review"
    assert (await call(town, "hoi-dong.thu-ky", "POST", path))[0] == 409
    later = REGISTERING + timedelta(days=200)
    async with town.service.database.write() as session:
        await on_tick(session, later, None)
    town.at(later)
    assert await call(town, "hoi-dong.thu-ky", "POST", path) == (200, {"campaign": "lai-chau-2023", "version": 1, "phase": "reviewing"})
    assert [e.phase for e in await said(town.service.database, CampaignAdvanced)][-1] == "reviewing"


async def test_a_signed_out_session_and_too_many_failures_are_refused(town: Town) -> None:
    headers = await town.bearer("xa-ta-tong.clerk")
    assert (await town.client.delete(f"{API}/sessions/current", headers=headers)).status_code == 204
    assert (await town.client.get(f"{API}/units", headers=headers)).status_code == 401
    wrong = {"login": "xa-ta-tong.clerk", "password": "sai mat khau"}
    answers = [await town.client.post(f"{API}/sessions", json=wrong) for _ in range(6)]
    assert [a.status_code for a in answers] == [401] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_the_tree_of_another_day_is_another_tree(town: Town) -> None:
    _, before = await call(town, "van-hanh", "GET", "units?on=2023-10-30")
    _, after = await call(town, "van-hanh", "GET", "units?on=2025-07-01")
    assert {u["kind"] for u in before} - {u["kind"] for u in after} == {"district"}
    assert (await call(town, "van-hanh", "GET", "units?on=hom-qua"))[0] == 422


async def test_partners_and_the_definition_can_be_read(town: Town) -> None:
    _, (partner,) = await call(town, "kiem-tra", "GET", "partners")
    assert (partner["client"], partner["indicators"], partner["active"]) == ("kho-bac", ["giai-ngan"], True)
    _, definition = await call(town, "kiem-tra", "GET", "campaigns/lai-chau-2023")
    assert (definition["version"], len(definition["areas"])) == (1, 9)
