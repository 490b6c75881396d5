"""The league as a table to take along: each line says of which movement, as of when and by which rules, and names the frozen ranking's hash."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple

from services.evaluation import league, rankings
from services.evaluation.scoring import RULES_VERSION
from services.evaluation.watchlists import round_asked
from shared import spreadsheets
from shared.database import Database
from shared.events.campaign import Campaign, Cluster
from shared.messages import Message
from shared.security import Officer
from shared.spreadsheets import Cell
from shared.web import formats

HEAD = (
    Message("Phong trào"),
    Message("Cụm, khối"),
    Message("Hạng"),
    Message("Bằng điểm"),
    Message("Mã đơn vị"),
    Message("Đơn vị"),
    Message("Điểm"),
    Message("Xếp loại"),
    Message("So với 7 ngày trước"),
    Message("Số kỳ đúng hạn"),
    Message("Số kỳ phải báo cáo"),
    Message("Tạm dừng xét"),
    Message("Kỳ báo cáo"),
    Message("Tính đến"),
    Message("Kết quả"),
    Message("Phiên bản quy tắc"),
    Message("Phiên bản phong trào"),
    Message("Mã kiểm tra (SHA-256)"),
    Message("Dữ liệu"),
)
YES = Message("có")
SAMPLE = Message("mẫu")


class Asked(NamedTuple):
    """Whose league is written for whom, in which view and language."""

    campaign: Campaign
    officer: Officer
    view: league.View
    language: str


async def lines(database: Database, asked: Asked, now: datetime) -> AsyncIterator[str]:
    """The file, line by line; the same lines and places that the officer sees on the page."""
    yield spreadsheets.BOM + spreadsheets.line((words.render(asked.language) for words in HEAD), asked.language)
    async with database.read() as session:
        told = _told(asked, await rankings.frozen(session, asked.campaign.code), now)
        async for cluster, row in league.every_row(session, asked.campaign, asked.officer, now, asked.view):
            sample = SAMPLE.render(asked.language) if cluster.sample else ""
            yield spreadsheets.line([*_cells(asked, cluster, row), *told, sample], asked.language)


def _cells(asked: Asked, cluster: Cluster, row: league.Row) -> list[Cell]:
    place, language = row.place, asked.language
    sheet = asked.campaign.sheet_of(cluster.code)
    grade = next((g.title.in_language(language) for g in (sheet.grades if sheet else ()) if g.code == place.grade), "")
    tied, on_hold = (YES.render(language) if true else "" for true in (place.tied, row.on_hold))
    return [
        asked.campaign.title.in_language(language), cluster.title.in_language(language), place.rank, tied, place.value, row.name,
        place.score, grade, row.change, row.on_time, row.due, on_hold,
    ]  # fmt: skip


def _told(asked: Asked, frozen: Any, now: datetime) -> list[Cell]:
    """What holds of every line: round, instant, whether frozen, versions, hash."""
    language = asked.language
    asked_for = round_asked(asked.campaign, frozen.at if frozen else now)
    state = Message("đã chốt") if frozen else Message("tạm thời, chưa chốt")
    rules, version = (frozen.rules_version, frozen.campaign_version) if frozen else (RULES_VERSION, asked.campaign.version)
    return [
        asked_for.title.in_language(language) if asked_for else "",
        formats.moment(frozen.at if frozen else now, language),
        state.render(language),
        rules,
        version,
        frozen.ranking_hash if frozen else "",
    ]


def name_of(campaign: Campaign, now: datetime) -> str:
    """The file's name."""
    return f"xep-hang-{campaign.code}-{formats.day(now).replace('/', '-')}.csv"
