"""A movement's story as data, drawn from a seed: who does what when. The same seed tells the same story."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from services.registration.loading import Loaded, UnitRow
from services.simulation.figures import Course
from services.simulation.ranges import CommitmentRange, Goal, goal
from shared.clock import LOCAL
from shared.events.campaign import Round, UnitKind

SECRETARY, CHAIR, MEMBER = "hoi-dong.thu-ky", "hoi-dong.chu-tich", "hoi-dong.uy-vien"
MISSING_SHARE, LATE_SHARE, EARLY_BIRD_SHARE, LAST_HOUR_SHARE = 0.04, 0.07, 0.04, 0.08
RETURN_REASON = "Số thu ngân sách gấp khoảng mười lần kỳ trước; đề nghị kiểm tra lại dấu thập phân và đơn vị tính."


@dataclass(frozen=True, order=True)
class Act:
    """One thing that somebody does at an instant; acts of one instant run by `order`, equal ones side by side."""

    at: datetime
    order: int
    unit: str
    kind: str
    data: Mapping[str, Any] = field(compare=False, default_factory=dict)


@dataclass(frozen=True)
class Player:
    """A unit that takes part: its row, cluster and goals."""

    row: UnitRow
    kind: UnitKind
    cluster: str
    parent: str | None
    goals: tuple[Goal, ...]


@dataclass(frozen=True)
class Cast:
    """Who takes part and on whom the story's incidents fall."""

    players: tuple[Player, ...]
    demo: frozenset[str]
    tenfold: str
    amended: str
    held: str
    held_to_the_end: str
    returned: frozenset[str]
    finalising: frozenset[str]
    disputed: str


def local(day: date, hour: int, minute: int = 0) -> datetime:
    """An hour of a day in Lai Châu, as a UTC instant."""
    return datetime.combine(day, time(hour, minute), LOCAL).astimezone(UTC)


def tell(loaded: Loaded, ranges: Mapping[str, list[CommitmentRange]], seed: int) -> list[Act]:
    """The whole story in the order of time."""
    cast = _cast(loaded, ranges, seed)
    chapters = (
        _registering(loaded, cast, seed), _working(loaded, cast, seed), _reporting(loaded, cast, seed),
        _incidents(cast), _observing(loaded, cast, seed), _reviewing(loaded, cast, seed),
    )
    return sorted(act for chapter in chapters for act in chapter)


def units_of(loaded: Loaded) -> list[tuple[UnitRow, Any]]:
    """The units that exist when the movement starts, with their attributes then."""
    return [(row, version) for row in loaded.units if (version := row.at(loaded.campaign.starts)) is not None]


def _cast(loaded: Loaded, ranges: Mapping[str, list[CommitmentRange]], seed: int) -> Cast:
    players = tuple(
        Player(row, version.kind, row.cluster, version.parent, _goals(loaded, ranges[row.cluster], row.key, seed))
        for row, version in units_of(loaded)
        if row.cluster
    )
    demo = frozenset(o.unit for o in loaded.officers if o.listed and o.login.endswith((".clerk", ".head")))
    random = Random(f"{seed}/cast")
    free = [p for p in players if p.row.key not in demo]
    communes = [p.row.key for p in free if p.kind is UnitKind.COMMUNE and any(g.indicator.code == "thu-ngan-sach" for g in p.goals)]
    districts = [p.row.key for p in free if p.kind is UnitKind.DISTRICT]
    enterprises = [p.row.key for p in free if p.kind is UnitKind.ENTERPRISE]
    tenfold, *finalising = random.sample(communes, 9)
    amended, disputed = random.sample(districts, 2)
    held, held_to_the_end = random.sample(enterprises, 2)
    returned = frozenset(random.sample([p.row.key for p in free], 3))
    return Cast(players, demo, tenfold, amended, held, held_to_the_end, returned, frozenset(finalising), disputed)


def _goals(loaded: Loaded, entries: Iterable[CommitmentRange], key: str, seed: int) -> tuple[Goal, ...]:
    random = Random(f"{seed}/goals/{key}")
    found = []
    for entry in entries:
        indicator = loaded.campaign.indicator(entry.indicator)
        if indicator is not None and (entry.units is None or key in entry.units):
            found.append(goal(random, entry, indicator))
    return tuple(found)


def _registering(loaded: Loaded, cast: Cast, seed: int) -> Iterator[Act]:
    starts = loaded.campaign.starts
    for player in cast.players:
        random = Random(f"{seed}/registration/{player.row.key}")
        day = starts + timedelta(days=random.randint(1, 14))
        commitments = [
            {
                "indicator": g.indicator.code, "baseline": g.baseline, "target": g.target,
                "unit_of_measure": g.indicator.unit_of_measure,
            }
            for g in player.goals
        ]
        register = {"commitments": commitments}
        yield Act(local(day, 9), 0, player.row.key, "register", register)
        decided = day + timedelta(days=1)
        if player.row.key in cast.returned:
            reason = "Đề nghị nêu rõ căn cứ của số gốc và gửi lại."
            yield Act(local(decided, 9), 0, player.row.key, "return_registration", {"reason": reason})
            yield Act(local(decided + timedelta(days=1), 9), 0, player.row.key, "register", register)
            decided += timedelta(days=2)
        yield Act(local(decided, 9), 0, player.row.key, "approve")


def _working(loaded: Loaded, cast: Cast, seed: int) -> Iterator[Act]:
    """Commemorative works: four of the province (as was reported), one of each district and commune."""
    owners = {p.row.key: p for p in cast.players}
    starts = loaded.campaign.starts
    for row, version in units_of(loaded):
        if version.kind not in {UnitKind.PROVINCE, UnitKind.DISTRICT, UnitKind.COMMUNE}:
            continue
        for number in range(4 if version.kind is UnitKind.PROVINCE else 1):
            random = Random(f"{seed}/work/{row.key}/{number}")
            day = starts + timedelta(days=random.randint(20, 45))
            yield Act(local(day, 9), 2, row.key, "declare_work", {"number": number} | _work(random, version.name))
            if version.kind is UnitKind.COMMUNE:
                confirmer = owners[row.key].parent
                yield Act(local(day + timedelta(days=2), 9), 2, row.key, "confirm_work", {"number": number, "by": confirmer})
            steps = [("start_work", day + timedelta(days=5))]
            completed = loaded.campaign.starts + timedelta(days=random.randint(90, 150))
            if random.random() < 0.9:
                steps.append(("complete_work", completed))
                if random.random() < 0.7 and completed + timedelta(days=3) < loaded.campaign.ends_at.date():
                    steps.append(("unveil_work", completed + timedelta(days=2)))
            yield from (Act(local(when, 9), 2, row.key, kind, {"number": number}) for kind, when in steps)


WORKS = (
    ("Nhà văn hóa cộng đồng", "living"), ("Đường bê tông nội bản", "economic"), ("Điểm trường mầm non", "social"),
    ("Công trình nước sinh hoạt tập trung", "living"), ("Kênh mương thủy lợi", "economic"), ("Cổng chào và điện chiếu sáng", "social"),
)


def _work(random: Random, unit_name: str) -> dict[str, Any]:
    title, purpose = random.choice(WORKS)
    return {
        "title": f"{title} – {unit_name} (mẫu)", "purpose": purpose,
        "state_share": random.randint(2, 40) * 50, "people_share": random.randint(1, 20) * 10,
    }


def _reporting(loaded: Loaded, cast: Cast, seed: int) -> Iterator[Act]:
    rounds = loaded.campaign.rounds
    for player in cast.players:
        course = Course(loaded.campaign, player.row.key, player.goals, seed)
        for number, round_ in enumerate(rounds):
            random = Random(f"{seed}/when/{player.row.key}/{round_.code}")
            at = _submission(random, round_, last=number == len(rounds) - 1, demo=player.row.key in cast.demo)
            values = course.values(number)
            if at is not None:
                yield from _submitting(cast, player, (number, round_), at, values)


def _submission(random: Random, round_: Round, *, last: bool, demo: bool) -> datetime | None:
    """When a unit submits: most on time, some in the last hour, some late, some never."""
    draw = random.random()
    deadline = round_.deadline.astimezone(LOCAL)
    if demo:
        return None if last else local(deadline.date() - timedelta(days=2), 9)
    if draw < MISSING_SHARE:
        return None
    if draw < MISSING_SHARE + LATE_SHARE:
        return None if last else local(deadline.date() + timedelta(days=random.randint(1, 3)), 9)
    if draw < MISSING_SHARE + LATE_SHARE + EARLY_BIRD_SHARE:
        return local(deadline.date(), 7)  # in the very minute in which a reminder waits to leave, so it is withdrawn
    if draw < MISSING_SHARE + LATE_SHARE + EARLY_BIRD_SHARE + LAST_HOUR_SHARE:
        return local(deadline.date(), 16, random.choice((10, 20, 30, 40, 50, 55)))
    first = round_.opens_at.astimezone(LOCAL).date()
    days = (deadline.date() - first).days
    return local(first + timedelta(days=min(days, int(days * random.random() ** 0.6) + (0 if last else 1))), random.choice((9, 14)))


def _submitting(
    cast: Cast, player: Player, numbered: tuple[int, Round], at: datetime, values: list[dict[str, Any]]
) -> Iterator[Act]:
    """A report, and what comes after it for those on whom an incident falls."""
    (number, round_), key = numbered, player.row.key
    base = {"round": round_.code}
    if number == 1 and key == cast.tenfold:
        wrong = [v | {"value": v["value"] * 10} if v["indicator"] == "thu-ngan-sach" else v for v in values]
        day = round_.opens_at.astimezone(LOCAL).date()
        yield Act(local(day + timedelta(days=1), 9), 3, key, "report", base | {"values": wrong})
        yield Act(local(day + timedelta(days=3), 9), 3, key, "return_report", base | {"reason": RETURN_REASON, "by": player.parent})
        yield Act(local(day + timedelta(days=5), 9), 3, key, "report", base | {"values": values})
    elif number == 2 and key in cast.finalising:
        day = round_.opens_at.astimezone(LOCAL).date()
        estimates = [v | {"kind": "estimate"} for v in values]
        yield Act(local(day + timedelta(days=1), 9), 3, key, "report", base | {"values": estimates})
        final = [v | {"kind": "official", "note": "Số liệu chính thức thay số ước"} for v in values]
        yield Act(local(day + timedelta(days=6), 9), 3, key, "report", base | {"values": final})
    elif number == 2 and key == cast.held:
        return
    elif number == 2 and key == cast.disputed:
        day = round_.opens_at.astimezone(LOCAL).date()
        yield Act(local(day + timedelta(days=1), 9), 3, key, "report", base | {"values": _off(values, "giai-ngan", Decimal("3.5"))})
        yield Act(local(day + timedelta(days=6), 9), 3, key, "report", base | {"values": values})
    else:
        yield Act(at, 3, key, "report", base | {"values": values})


def _off(values: list[dict[str, Any]], indicator: str, by: Decimal) -> list[dict[str, Any]]:
    return [v | {"value": v["value"] + by} if v["indicator"] == indicator else v for v in values]


def _incidents(cast: Cast) -> Iterator[Act]:
    amended = next(p for p in cast.players if p.row.key == cast.amended)
    target = next(g for g in amended.goals if g.indicator.code == "thu-ngan-sach").target
    raised = {
        "indicator": "thu-ngan-sach", "target": (target * Decimal("1.08")).quantize(Decimal("0.1")),
        "reason": "Được giao bổ sung dự toán thu giữa năm (mẫu)", "legal_basis": "Quyết định giao bổ sung dự toán (mẫu)",
        "effective_from": date(2023, 8, 15),
    }
    yield Act(local(date(2023, 8, 7), 9), 1, cast.amended, "amend", raised)
    yield Act(local(date(2023, 8, 9), 9), 1, cast.amended, "approve_amendment", {"indicator": "thu-ngan-sach"})
    reason = "Đang có đơn tố cáo, chờ kết luận (mẫu)"
    yield Act(local(date(2023, 9, 5), 9), 1, cast.held, "hold", {"reason": reason})
    yield Act(local(date(2023, 10, 5), 9), 1, cast.held, "lift", {"conclusion": "Nội dung tố cáo không đúng (mẫu)"})
    yield Act(local(date(2023, 10, 10), 9), 1, cast.held_to_the_end, "hold", {"reason": "Đang thanh tra thuế (mẫu)"})


def _observing(loaded: Loaded, cast: Cast, seed: int) -> Iterator[Act]:
    """The treasury publishes what it sees of every district's disbursement, round by round."""
    if not loaded.campaign.partners:
        return
    partner = loaded.campaign.partners[0]
    for player in cast.players:
        if player.kind is not UnitKind.DISTRICT:
            continue
        course = Course(loaded.campaign, player.row.key, player.goals, seed)
        for number, round_ in enumerate(loaded.campaign.rounds):
            value = next((v for v in course.values(number) if v["indicator"] in partner.indicators), None)
            if value is None or value["value"] is None:
                continue
            day = round_.opens_at.astimezone(LOCAL).date() + timedelta(days=2)
            twist = {(1, cast.amended): "twice", (1, cast.disputed): "malformed_first"}.get((number, player.row.key), "")
            data = {"client": partner.client, "value": value, "twist": twist, "round": round_.code}
            yield Act(local(day, 9), 4, player.row.key, "observe", data)


def _reviewing(loaded: Loaded, cast: Cast, seed: int) -> Iterator[Act]:
    """After the close the council opens the review, enters what only people can judge, and freezes the ranking."""
    end = loaded.campaign.ends_at.astimezone(LOCAL).date()
    yield Act(local(end + timedelta(days=1), 9), 0, "", "open_review")
    for player in cast.players:
        random = Random(f"{seed}/council/{player.row.key}")
        sheet = loaded.campaign.sheet_of(player.cluster)
        assert sheet is not None, f"{player.cluster} has no sheet"
        for criterion in sheet.criteria:
            when = local(end + timedelta(days=2), 9)
            if criterion.method == "rubric":
                level = random.choices(criterion.levels, weights=range(len(criterion.levels) + 2, 2, -1))[0]
                yield Act(when, 1, player.row.key, "rubric", {"criterion": criterion.code, "level": level.code})
            elif criterion.method in {"bonus", "penalty"} and random.random() < 0.06:
                points = (criterion.max_points / 2).quantize(Decimal("0.1"))
                reason = "Có văn bản ghi nhận (mẫu)" if criterion.method == "bonus" else "Có văn bản nhắc nhở (mẫu)"
                yield Act(when, 1, player.row.key, "adjust", {"criterion": criterion.code, "points": points, "reason": reason})
    yield Act(local(end + timedelta(days=10), 9), 0, "", "freeze")
