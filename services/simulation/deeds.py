"""What each kind of act in the story means at the doors: one function per kind."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from services.simulation.doors import Desk, Directory, PartnerSystem
from services.simulation.story import CHAIR, MEMBER, SECRETARY, Act

Deed = Callable[["Hands", Act], Awaitable[None]]
DEEDS: dict[str, Deed] = {}


class Hands:
    """Everything a deed needs: the desk, the directory, the partners, the campaign's code, and ids the services gave out."""

    def __init__(self, desk: Desk, directory: Directory, partners: dict[str, PartnerSystem], campaign: str) -> None:
        self.desk, self.directory, self.partners, self.campaign = desk, directory, partners, campaign
        self.ids: dict[tuple[str, ...], str] = {}

    def subject(self, act: Act) -> dict[str, Any]:
        """Campaign and unit of an act, as every API takes them."""
        return {"campaign": self.campaign, "unit": self.directory.reference(act.unit)}

    async def do(self, act: Act) -> None:
        """Do one act."""
        await DEEDS[act.kind](self, act)


def deed(function: Deed) -> Deed:
    """Register a deed under its function's name."""
    DEEDS[function.__name__] = function
    return function


def steady_id(act: Act, *more: str) -> str:
    """An idempotency key or event id that the same act always gets."""
    return hashlib.sha256("|".join((act.at.isoformat(), act.unit, act.kind, *more)).encode()).hexdigest()[:32]


@deed
async def register(hands: Hands, act: Act) -> None:
    person = {"name": f"Người đứng đầu (mẫu) – {act.unit}", "post": "Người đứng đầu"}
    focal = {"name": f"Cán bộ đầu mối (mẫu) – {act.unit}", "post": "Cán bộ phụ trách thi đua"}
    body = hands.subject(act) | {"head": person, "focal_officer": focal, "commitments": act.data["commitments"]}
    answer = await hands.desk.ask(f"{act.unit}.clerk", "PUT", "/registration/api/participations", body)
    hands.ids["participation", act.unit] = answer["id"]
    await hands.desk.ask(f"{act.unit}.head", "POST", f"/registration/api/participations/{answer['id']}/submit", {})


async def _participation(hands: Hands, act: Act) -> str:
    if ("participation", act.unit) not in hands.ids:
        answer = await hands.desk.ask(f"{act.unit}.head", "GET", f"/registration/api/participations?campaign={hands.campaign}")
        hands.ids["participation", act.unit] = answer[0]["id"]
    return hands.ids["participation", act.unit]


@deed
async def approve(hands: Hands, act: Act) -> None:
    await hands.desk.ask(SECRETARY, "POST", f"/registration/api/participations/{await _participation(hands, act)}/approve", {})


@deed
async def return_registration(hands: Hands, act: Act) -> None:
    path = f"/registration/api/participations/{await _participation(hands, act)}/return"
    await hands.desk.ask(SECRETARY, "POST", path, {"reason": act.data["reason"]})


@deed
async def declare_work(hands: Hands, act: Act) -> None:
    work = {name: act.data[name] for name in ("title", "purpose", "state_share", "people_share")}
    login = f"{act.unit}.clerk"
    answer = await hands.desk.ask(login, "POST", "/registration/api/works", hands.subject(act) | work)
    hands.ids["work", act.unit, str(act.data["number"])] = answer["id"]


async def _work_step(hands: Hands, act: Act, step: str, login: str) -> None:
    key = ("work", act.unit, str(act.data["number"]))
    if key not in hands.ids:
        works = await hands.desk.ask(login, "GET", f"/registration/api/works?campaign={hands.campaign}")
        mine = hands.directory.reference(act.unit)["value"]
        own = sorted((w for w in works if mine in {i["value"] for i in w["identifiers"]}), key=lambda w: str(w["id"]))
        hands.ids[key] = own[int(act.data["number"])]["id"]
    await hands.desk.ask(login, "POST", f"/registration/api/works/{hands.ids[key]}/{step}", {})


@deed
async def confirm_work(hands: Hands, act: Act) -> None:
    await _work_step(hands, act, "confirm", f"{act.data['by']}.head")


@deed
async def start_work(hands: Hands, act: Act) -> None:
    await _work_step(hands, act, "start", f"{act.unit}.clerk")


@deed
async def complete_work(hands: Hands, act: Act) -> None:
    await _work_step(hands, act, "complete", f"{act.unit}.clerk")


@deed
async def unveil_work(hands: Hands, act: Act) -> None:
    await _work_step(hands, act, "unveil", f"{act.unit}.clerk")


@deed
async def report(hands: Hands, act: Act) -> None:
    body = hands.subject(act) | {"round": act.data["round"], "values": act.data["values"]}
    key = steady_id(act, hands.campaign, act.data["round"])
    answer = await hands.desk.ask(f"{act.unit}.clerk", "POST", "/reporting/api/reports", body, key)
    hands.ids["report", act.unit, act.data["round"]] = answer["report"]


@deed
async def return_report(hands: Hands, act: Act) -> None:
    login = f"{act.data['by']}.head"
    key = ("report", act.unit, act.data["round"])
    if key not in hands.ids:
        path = f"/reporting/api/reports?campaign={hands.campaign}&round={act.data['round']}"
        reports = await hands.desk.ask(f"{act.unit}.clerk", "GET", path)
        hands.ids[key] = reports[0]["report"]
    await hands.desk.ask(login, "POST", f"/reporting/api/reports/{hands.ids[key]}/return", {"reason": act.data["reason"]})


@deed
async def amend(hands: Hands, act: Act) -> None:
    answer = await hands.desk.ask(f"{act.unit}.head", "POST", "/registration/api/amendments", hands.subject(act) | dict(act.data))
    hands.ids["amendment", act.unit] = answer["id"]


@deed
async def approve_amendment(hands: Hands, act: Act) -> None:
    if ("amendment", act.unit) not in hands.ids:
        found = await hands.desk.ask(f"{act.unit}.head", "GET", f"/registration/api/amendments?campaign={hands.campaign}")
        hands.ids["amendment", act.unit] = found[0]["id"]
    await hands.desk.ask(SECRETARY, "POST", f"/registration/api/amendments/{hands.ids['amendment', act.unit]}/approve", {})


@deed
async def hold(hands: Hands, act: Act) -> None:
    answer = await hands.desk.ask(CHAIR, "POST", "/evaluation/api/holds", hands.subject(act) | dict(act.data))
    hands.ids["hold", act.unit] = answer["id"]


@deed
async def lift(hands: Hands, act: Act) -> None:
    if ("hold", act.unit) not in hands.ids:
        found = await hands.desk.ask(CHAIR, "GET", f"/evaluation/api/holds?campaign={hands.campaign}")
        mine = hands.directory.reference(act.unit)["value"]
        hands.ids["hold", act.unit] = next(h["id"] for h in found if h["value"] == mine)
    await hands.desk.ask(CHAIR, "POST", f"/evaluation/api/holds/{hands.ids['hold', act.unit]}/lift", dict(act.data))


@deed
async def observe(hands: Hands, act: Act) -> None:
    """The treasury publishes; now and then malformed first, or the same event twice."""
    partner, value = hands.partners[act.data["client"]], act.data["value"]
    data = hands.subject(act) | {name: value[name] for name in ("indicator", "unit_of_measure", "as_of")}
    data |= {"value": str(value["value"]), "kind": "official"}
    structured = act.data["round"] in {"ky-2", "ky-4"}
    if act.data["twist"] == "malformed_first":
        broken = data | {"value": "chín mươi", "unit_of_measure": "ty-dong"}
        await partner.publish("indicator.observed", broken, event=steady_id(act, "broken"), time=act.at, structured=structured)
    for _ in range(2 if act.data["twist"] == "twice" else 1):
        await partner.publish("indicator.observed", data, event=steady_id(act), time=act.at, structured=structured)


@deed
async def open_review(hands: Hands, _: Act) -> None:
    await hands.desk.ask(SECRETARY, "POST", f"/registration/api/campaigns/{hands.campaign}/review", {})


@deed
async def rubric(hands: Hands, act: Act) -> None:
    body = hands.subject(act) | dict(act.data) | {"reason": "Nhận xét của Hội đồng (mẫu)"}
    await hands.desk.ask(MEMBER, "PUT", "/evaluation/api/rubrics", body)


@deed
async def adjust(hands: Hands, act: Act) -> None:
    await hands.desk.ask(SECRETARY, "PUT", "/evaluation/api/adjustments", hands.subject(act) | dict(act.data))


@deed
async def freeze(hands: Hands, _: Act) -> None:
    await hands.desk.ask(CHAIR, "POST", "/evaluation/api/rankings", {"campaign": hands.campaign})
