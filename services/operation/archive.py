"""`thidua archive`: a finished campaign as files that need no program: CSV tables, the rules, the ranking whose SHA-256 is its hash."""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, select

from services import local
from services.evaluation import rankings
from services.evaluation.records import closing_day
from services.evaluation.scoring import RULES_VERSION
from services.evaluation.scoring.exact import canonical
from services.evaluation.scoring.ranking import canonical_text, ranking_hash
from services.operation import archives, columns
from services.registration import keys
from shared import campaigns, migrations, units
from shared.database import ReadSession
from shared.events.campaign import Campaign, Phase
from shared.events.evaluation import ClusterRanking
from shared.messages import Refused
from shared.settings import SERVICES, Settings
from shared.spreadsheets import harmless

FINISHED = {Phase.RANKED, Phase.HONOURED, Phase.ARCHIVED}
CHILDREN = {
    "report_versions": ("reports", "report"), "report_values": ("reports", "report"), "deliveries": ("letters", "letter"), "work_steps": ("works", "work"),
    "lifts": ("holds", "hold"), "lifted_holds": ("holds", "hold"), "inbound_events": ("partners", "client"),
}  # fmt: skip
"""Tables whose rows belong to a campaign through another table's key: what partners sent, through those that it lets in."""
WHOLE = {"known_units", "known_unit_versions", "known_unit_identifiers", "known_officers", "units", "successions", "partner_clients", "audit"}
"""Units, people and partners are not a campaign's own, and it is not read without them."""
NO_RECORDS = {
    "outbox": "events on their way; their effects are in the tables",
    "inbox": "which events were applied",
    "dead_letters": "events that could not be applied, a matter of the operator",
    "handled_ticks": "which minutes were handled",
    "accounts": "logins and password digests; who acted is in known_officers",
    "failed_sign_ins": "attempts to sign in",
    "ended_sessions": "sign-outs",
    "known_keys": "public keys of sessions",
    "partner_keys": "digests of partners' keys",
    "admissions": "a copy of partners' keys",
    "paces": "how much a partner sent in its last minute",
    "door_refusals": "requests that were not even an event",
    "idempotent_answers": "answers kept for requests that come twice",
    "standings": "the order of the scores, counted from them for pages",
    "score_buckets": "the same, by groups",
    "signals": "the colours that a leader is shown, drawn from scores and reports",
    "signal_counts": "the same, counted",
    "shadows": "which trials of partners touch a unit",
    "trials": "which sandbox a partner is in",
    "channels": "whether letters go out at this moment",
    "mutes": "which reminders an officer switched off",
}
"""What is left out, and why: it tells nothing of the movement."""
PLACES = ("cluster", "cluster_title", "rank", "unit_name", "scheme", "identifier", "score", "grade")
ABOUT = """\
HỒ SƠ LƯU TRỮ PHONG TRÀO {code} – {title}
Archive of the movement {code}

ranking.json      bảng xếp hạng đã chốt; SHA-256 của đúng tệp này là mã của bảng xếp hạng:
                  the frozen ranking; the SHA-256 of exactly this file is the ranking's hash:
                  {hash}
                  kiểm tra / check:  sha256sum ranking.json
ranking.csv       cũng bảng ấy để đọc: cụm, hạng, tên đơn vị, mã định danh, điểm, xếp loại; hạng để trống là không xếp hạng
                  the same ranking to be read: cluster, rank, unit, identifier, score, grade; without a rank: not ranked
campaign.json     quy định: lĩnh vực, chỉ tiêu, bảng điểm, kỳ báo cáo, căn cứ (bản {version}, quy tắc chấm {rules})
                  the rules: areas, indicators, score sheets, rounds, legal basis (version {version}, scoring rules {rules})
<dịch vụ>/*.csv   dữ liệu của từng dịch vụ, UTF-8, dòng đầu là tên cột; giờ là UTC; chữ giống công thức có dấu ' ở đầu
                  each service's data, UTF-8, column names first; instants are UTC; text like a formula begins with '
columns.csv       từng bảng, từng cột: kiểu dữ liệu, khóa, và cột ấy nói gì
                  each table and column: its type, whether it is of the key, and what it says
left-out.csv      những bảng không lưu, và vì sao / the tables that are left out, and why
SHA256SUMS        sha256sum -c SHA256SUMS
SHA256SUMS.sig    chữ ký Ed25519 (base64) của SHA256SUMS, khóa công khai trong signer.pem
                  Ed25519 signature (base64) of SHA256SUMS, public key in signer.pem
                  base64 -d SHA256SUMS.sig >signature
                  openssl pkeyutl -verify -pubin -inkey signer.pem -rawin -in SHA256SUMS -sigfile signature
"""


async def archive(settings: Settings, code: str, file: Path, work: Path) -> str:
    """Write a finished campaign to `file`, gathering it in the empty folder `work`; returns the ranking's hash. Raises `Refused`."""
    async with local.database_of(settings, "evaluation") as database, database.read() as session:
        campaign = await campaigns.find(session, code)
        if await campaigns.phase_of(session, code) not in FINISHED:
            raise Refused.because("Phong trào {campaign} chưa xếp hạng: chỉ lưu trữ phong trào đã kết thúc.", campaign=code)
        told, clusters = await rankings.in_force(session, campaign)
        text, names = canonical_text(clusters), await units.on_day(session, closing_day(campaign))
    assert hashlib.sha256(text.encode()).hexdigest() == ranking_hash(clusters) == told
    (work / "ranking.json").write_text(text, encoding="utf-8")
    (work / "campaign.json").write_text(json.dumps(campaign.model_dump(mode="json"), ensure_ascii=False, indent=1), encoding="utf-8")
    (work / "README.txt").write_text(_about(campaign, told), encoding="utf-8")
    _write(work / "ranking.csv", PLACES, _places(campaign, clusters, names))
    _write(work / "left-out.csv", ("table", "why"), NO_RECORDS.items())
    _write(work / "columns.csv", columns.HEAD, [row for service in SERVICES for table, _ in _queries(service, code) for row in columns.of(service, table)])
    for service in SERVICES:
        async with local.database_of(settings, service) as database, database.read() as session:
            await _tables(session, service, code, work / service)
    archives.seal(work, file, keys.signing_key(settings))
    return told


def _about(campaign: Campaign, told: str) -> str:
    return ABOUT.format(code=campaign.code, title=campaign.title.vi, hash=told, version=campaign.version, rules=RULES_VERSION)


def _places(campaign: Campaign, clusters: Sequence[ClusterRanking], names: Mapping[str, units.KnownUnit]) -> Iterator[tuple[Any, ...]]:
    titles = {cluster.code: cluster.title.vi for cluster in campaign.clusters}
    for cluster in clusters:
        for place in cluster.ranked:
            yield cluster.cluster, titles[cluster.cluster], place.rank, names[place.unit].name, place.scheme, place.value, canonical(place.score), place.grade


def _write(file: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(head)
        lines.writerows([_cell(value) for value in row] for row in rows)


async def _tables(session: ReadSession, service: str, campaign: str, folder: Path) -> None:
    folder.mkdir()
    for table, query in _queries(service, campaign):
        result = await session.stream(query)
        with (folder / f"{table.name}.csv").open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(column.name for column in table.c)
            async for row in result:
                lines.writerow(_cell(value) for value in row)


def _queries(service: str, campaign: str) -> Iterator[tuple[Table, Select[Any]]]:
    tables = {table.name: table for metadata in migrations.metadata_of(service) for table in metadata.sorted_tables}
    for name, table in sorted(tables.items()):
        condition = _of_campaign(tables, table, campaign)
        if condition is not None and name not in NO_RECORDS:
            yield table, select(table).where(condition).order_by(*table.primary_key)


def _of_campaign(tables: dict[str, Table], table: Table, campaign: str) -> ColumnElement[bool] | None:
    if "campaign" in table.c:
        return table.c.campaign == campaign
    if table.name in CHILDREN:
        parent, key = CHILDREN[table.name]
        parents = tables[parent]
        return table.c[key].in_(select(parents.c[key if key in parents.c else "id"]).where(parents.c.campaign == campaign))
    return table.primary_key.columns[0].is_not(None) if table.name in WHOLE else None


def _cell(value: Any) -> str:
    """A value as a spreadsheet may open it: text that would be a formula there begins with an apostrophe."""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, bytes):
        return _cell(value.decode("utf-8", "backslashreplace"))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else "" if value is None else str(value)
