"""The leader's page: what is red comes first, then who owes a report, how the clusters stand, and what waits for the council."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.evaluation import dossiers, freezes, overview, rankings, references
from services.evaluation.overview import Standing
from services.evaluation.records import closing_day
from shared import units
from shared.events.campaign import Campaign
from shared.events.registration import Role
from shared.messages import Message
from shared.security import SignedIn
from shared.service import Here
from shared.web.charts import Part, Stack, Tone
from shared.web.pages import language_of, render

router = APIRouter()

READERS = (Role.SECRETARY, Role.MEMBER, Role.CHAIR, Role.AUDITOR)
TONES: tuple[Tone, ...] = ("good", "accent", "fair", "poor")
"""Of the grades of a score sheet, the best first; all after the third have the last one."""


@router.get("/overview")
async def show(request: Request, officer: SignedIn, service: Here, campaign: str | None = None) -> HTMLResponse:
    """Of the whole movement, for the council and the auditor."""
    officer.must_hold(*READERS)
    waiting = sum((await service.lag()).values())
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
        troubles = await overview.troubles(session, found)
        standings = await overview.standings(session, found)
        among = {trouble.unit for trouble in troubles.worst}
        names = await units.on_day(session, closing_day(found), among)
        told = await dossiers.told_at(session, found.code, sorted(among))
        left = [p for p in await freezes.preconditions(session, found, waiting) if p.left and p.short]
        frozen = await rankings.frozen(session, found.code)
    return render(
        request, "overview.html", campaign=found, troubles=troubles, names=names, told=told, left=left, frozen=frozen,
        drawn=[_drawn(found, one, language_of(request)) for one in standings], scored=sum(one.scored for one in standings),
    )  # fmt: skip


def _drawn(campaign: Campaign, standing: Standing, language: str) -> Stack:
    """A cluster's units by grade, the lowest first, so that red is at the beginning of every bar."""
    sheet = campaign.sheet_of(standing.cluster.code)
    grades = list(enumerate(sheet.grades if sheet else ()))
    parts = [
        Part(grade.title.in_language(language), standing.grades.get(grade.code, 0), TONES[min(place, len(TONES) - 1)])
        for place, grade in reversed(grades)
    ]
    apart = [
        Part(Message("Chưa xếp loại").render(language), standing.grades.get("", 0), "muted"),
        Part(Message("Tạm dừng xét").render(language), standing.on_hold, "muted"),
    ]
    worst_first = f"/evaluation/league?order=worst&cluster={standing.cluster.code}&campaign={campaign.code}"
    return Stack(standing.cluster.title.in_language(language), [*parts, *(part for part in apart if part.value)], worst_first)
