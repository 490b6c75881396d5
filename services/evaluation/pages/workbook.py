"""The ranking in force as an Excel workbook, a sheet for each cluster, for the council's papers."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from fastapi import APIRouter, Request, Response

from services.evaluation import rankings, references
from services.evaluation.pages.rankings import READERS
from services.evaluation.records import closing_day
from shared import units
from shared.events.campaign import Campaign
from shared.events.evaluation import ClusterRanking
from shared.messages import Message
from shared.security import SignedIn
from shared.service import Here
from shared.units import KnownUnit
from shared.web import workbooks
from shared.web.formats import moment
from shared.web.pages import language_of

router = APIRouter()

HEAD = Message("Hạng"), Message("Đơn vị"), Message("Mã đơn vị"), Message("Điểm"), Message("Xếp loại")


@router.get("/rankings/workbook")
async def download(request: Request, officer: SignedIn, service: Here, campaign: str | None = None) -> Response:
    """The frozen ranking with its hash, or while there is none the one as it stands now, which says so."""
    officer.must_hold(*READERS)
    language = language_of(request)
    async with service.database.read() as session:
        found = await references.campaign_named(session, campaign)
        frozen = await rankings.frozen(session, found.code)
        _, clusters = await rankings.in_force(session, found)
        names = await units.on_day(session, closing_day(found), {place.unit for one in clusters for place in one.ranked})
    if frozen:
        kept = Message("Kết quả đã chốt lúc {moment}.", moment=moment(frozen.at, language)), Message("Mã kiểm tra (SHA-256)")
        notes = [kept[0].render(language), f"{kept[1].render(language)}: {frozen.ranking_hash}"]
    else:
        notes = [Message("Thứ hạng tạm thời lúc {moment}, chưa chốt.", moment=moment(service.now(), language)).render(language)]
    notes.append(found.sample_note.in_language(language) if found.sample_note else "")
    return await asyncio.to_thread(_answer, found, clusters, names, notes, language)


def _answer(
    campaign: Campaign, clusters: Sequence[ClusterRanking], names: Mapping[str, KnownUnit], notes: Sequence[str], language: str
) -> Response:
    book = workbooks.empty()
    for one in clusters:
        known = campaign.cluster(one.cluster)
        title = known.title.in_language(language) if known else one.cluster
        workbooks.table(book, title, notes, [words.render(language) for words in HEAD], _rows(campaign, one, names, language))
    return workbooks.answer(book, f"{Message('Xếp hạng').render(language)} {campaign.code}")


def _rows(
    campaign: Campaign, one: ClusterRanking, names: Mapping[str, KnownUnit], language: str
) -> Iterator[Sequence[workbooks.Value]]:
    sheet = campaign.sheet_of(one.cluster)
    grades = {grade.code: grade.title.in_language(language) for grade in (sheet.grades if sheet else ())}
    for place in one.ranked:
        name = names[place.unit].name if place.unit in names else place.value
        yield place.rank, name, place.value, round(place.score, 4), grades.get(place.grade or "", "")
