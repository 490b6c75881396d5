"""What the units' rows say of one another: whose code it is, who stands above whom, and since when."""

from itertools import combinations

from services.registration.loading.periods import Period, covered
from services.registration.loading.units import Directory, Line
from shared.events.registration import Identifier
from shared.messages import Message


def check_hierarchy(directory: Directory) -> None:
    """Note overlapping versions, identifiers with two owners at once, and parents that are missing or go round."""
    _check_versions(directory)
    _check_identifiers(directory)
    _check_parents(directory)
    _check_cycles(directory)


def _check_versions(directory: Directory) -> None:
    by_key: dict[str, list[Line]] = {}
    for line in directory.lines:
        by_key.setdefault(line.key, []).append(line)
    for lines in by_key.values():
        for one, other in combinations(lines, 2):
            if one.period.overlaps(other.period):
                message = Message('"{key}" đã có ở dòng {line} trong cùng thời gian.', key=one.key, line=one.row.line)
                cure = Message("Đổi khóa, hoặc sửa valid_from, valid_to để hai dòng không chồng ngày.")
                other.row.add("key", message, cure)


def _check_identifiers(directory: Directory) -> None:
    owners: dict[tuple[str, str], list[Line]] = {}
    for line in directory.lines:
        for one in line.identifiers:
            for other in owners.setdefault((one.scheme, one.value), []):
                if other.key != line.key and other.period.overlaps(line.period):
                    _note_shared(line, other, one)
            owners[one.scheme, one.value].append(line)


def _note_shared(line: Line, other: Line, shared: Identifier) -> None:
    message = Message(
        'Mã {code} đã thuộc về "{name}" (dòng {line}) trong cùng thời gian.',
        code=f"{shared.scheme}:{shared.value}",
        name=other.version.name,
        line=other.row.line,
    )
    line.row.add("identifiers", message, Message("Sửa mã hoặc thời gian hiệu lực của một trong hai đơn vị."))


def _check_parents(directory: Directory) -> None:
    keys, periods = directory.keys(), _periods(directory)
    for line in directory.lines:
        parent = line.version.parent
        if not parent or not line.row.faults.refer(line.row.place("parent"), parent, keys, Message("đơn vị")):
            continue
        if parent in periods and not covered(line.period, periods[parent]):
            message = Message('Đơn vị cấp trên "{parent}" không tồn tại suốt thời gian của dòng này.', parent=parent)
            cure = Message("Tách dòng này theo thời gian hoặc sửa valid_from, valid_to.")
            line.row.add("parent", message, cure)


def _periods(directory: Directory) -> dict[str, list[Period]]:
    periods: dict[str, list[Period]] = {}
    for line in directory.lines:
        periods.setdefault(line.key, []).append(line.period)
    return periods


def _check_cycles(directory: Directory) -> None:
    """No unit stands above itself on any day; the tree changes only on the first days of rows."""
    for moment in sorted({line.period.first for line in directory.lines}):
        above = {line.key: line for line in directory.lines if line.period.holds(moment)}
        settled: set[str] = set()
        for key in above:
            _follow(key, above, settled)


def _follow(key: str, above: dict[str, Line], settled: set[str]) -> None:
    trail: list[str] = []
    step: str | None = key
    while step and step in above and step not in settled:
        if step in trail:
            circle = " → ".join([*trail[trail.index(step) :], step])
            message = Message("Các đơn vị cấp trên tạo thành vòng: {circle}.", circle=circle)
            above[step].row.add("parent", message, Message("Sửa cấp trên của một đơn vị trong vòng."))
            break
        trail.append(step)
        step = above[step].version.parent
    settled.update(trail)
