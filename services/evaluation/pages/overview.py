"""The leader's page: red first, in one look; and the lists behind it."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.evaluation import overview, rankings, references, watchlists
from services.evaluation.scoring.signals import Colour
from services.evaluation.watchlists import Kind
from shared.events.campaign import Campaign
from shared.events.registration import Role
from shared.messages import Message
from shared.security import SignedIn
from shared.service import Here
from shared.web.charts import Part, Stack, Tone
from shared.web.pages import language_of, render

router = APIRouter(prefix="/overview")

LEADERS = (Role.SECRETARY, Role.MEMBER, Role.CHAIR, Role.AUDITOR)
TONES: dict[Colour, tuple[Message, Tone]] = {
    Colour.RED: (Message("Đỏ"), "poor"),
    Colour.ORANGE: (Message("Cam"), "fair"),
    Colour.GREEN: (Message("Xanh"), "good"),
    Colour.UNASSESSED: (Message("Chưa đánh giá"), "muted"),
}


@router.get("")
async def show(request: Request, officer: SignedIn, service: Here, campaign: str | None = None) -> HTMLResponse:
    """Colours, the deadline ahead, changes, and the first few of each list."""
    officer.must_hold(*LEADERS)
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
        seen = await overview.of(session, found, service.now())
        frozen = await rankings.frozen(session, found.code)
    stacks = _stacks(found, seen, language_of(request))
    return render(request, "overview.html", campaign=found, seen=seen, frozen=frozen, stacks=stacks, many=overview.MANY)


def _stacks(campaign: Campaign, seen: overview.Overview, language: str) -> list[Stack]:
    """A bar for each cluster; the number of its red units stands in its name, for one among thousands is too thin to be seen."""
    return [
        Stack(
            Message("{cluster}: {red} đỏ", cluster=cluster.title.in_language(language), red=counts[Colour.RED]).render(language),
            [Part(words.render(language), counts[colour], tone) for colour, (words, tone) in TONES.items()],
            f"/evaluation/league?{urlencode({'campaign': campaign.code, 'cluster': cluster.code, 'order': 'worst'})}",
        )
        for cluster, counts in seen.clusters
    ]


@router.get("/{kind}")
async def units(
    request: Request, officer: SignedIn, service: Here, kind: Kind, campaign: str | None = None, after: str = ""
) -> HTMLResponse:
    """One list, page by page."""
    officer.must_hold(*LEADERS)
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
        listed = await watchlists.listing(session, found, kind, service.now(), after=after)
    asked, since = watchlists.round_asked(found, service.now()), watchlists.last_deadline(found, service.now())
    return render(request, "watchlist.html", campaign=found, kind=kind, listed=listed, after=after, asked=asked, since=since)
