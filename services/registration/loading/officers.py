"""officers.csv: sample officers by name; every other unit of the movement gets a sample clerk and head by rule."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from services.registration.loading.faults import Faults
from services.registration.loading.scalars import UnreadableError, one_of
from services.registration.loading.tables import Row, read_table
from services.registration.loading.units import Directory, UnitRow
from shared.events.campaign import UnitKind
from shared.events.registration import Role
from shared.messages import Message

COLUMNS = ("login", "name", "post", "unit", "roles", "email", "note")
SAMPLE_DOMAIN = "laichau.example"
_LOGIN = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_EMAIL = re.compile(r"[a-z0-9]+([.+_-][a-z0-9]+)*@[a-z0-9]+([.-][a-z0-9]+)*\.[a-z]{2,}")
_CLERK_POST = "Cán bộ phụ trách công tác thi đua, khen thưởng"
_HEAD_POST = {
    UnitKind.PROVINCE: "Chủ tịch Ủy ban nhân dân tỉnh",
    UnitKind.DISTRICT: "Chủ tịch Ủy ban nhân dân cấp huyện",
    UnitKind.COMMUNE: "Chủ tịch Ủy ban nhân dân cấp xã",
    UnitKind.DEPARTMENT: "Thủ trưởng cơ quan",
    UnitKind.ENTERPRISE: "Giám đốc",
}


@dataclass(frozen=True)
class OfficerRow:
    """A sample officer; `listed` ones stand in officers.csv and are the demo's accounts."""

    login: str
    name: str
    post: str
    unit: str
    roles: tuple[Role, ...]
    email: str
    listed: bool
    note: str = ""


def read_officers(path: Path, directory: Directory | None, faults: Faults) -> tuple[OfficerRow, ...]:
    """The officers that the file lists."""
    rows = read_table(path, COLUMNS, faults) or []
    _check_logins(rows)
    read = [_officer(row, directory) for row in rows]
    return tuple(officer for officer in read if officer)


def _check_logins(rows: Iterable[Row]) -> None:
    seen: dict[str, int] = {}
    for row in rows:
        login = row["login"]
        if login and not _LOGIN.fullmatch(login):
            cure = Message("Chỉ dùng chữ thường không dấu, chữ số, dấu chấm và dấu gạch nối, ví dụ xa-ta-tong.clerk.")
            row.add("login", Message('Tên đăng nhập "{login}" sai dạng.', login=login), cure)
        if login and (first := seen.setdefault(login, row.line)) != row.line:
            message = Message('Tên đăng nhập "{login}" đã có ở dòng {line}.', login=login, line=first)
            row.add("login", message, Message("Chọn tên đăng nhập khác."))


def _officer(row: Row, directory: Directory | None) -> OfficerRow | None:
    filled = [row.required(column) for column in ("login", "name", "post", "unit", "roles", "email")]
    roles = row.read("roles", _roles) or ()
    row.read("email", _email)
    if directory and row["unit"]:
        row.faults.refer(row.place("unit"), row["unit"], directory.keys(), Message("đơn vị"))
    if {Role.CLERK, Role.HEAD} <= set(roles):
        cure = Message("Giao hai vai trò cho hai người.")
        row.add("roles", Message("Một người không thể vừa nhập vừa duyệt báo cáo của đơn vị mình."), cure)
    if not all(filled) or not roles:
        return None
    return OfficerRow(row["login"], row["name"], row["post"], row["unit"], roles, row["email"], True, row["note"])


def _roles(text: str) -> tuple[Role, ...]:
    return tuple(Role(one_of(name, [role.value for role in Role])) for name in text.split())


def _email(text: str) -> str:
    if _EMAIL.fullmatch(text):
        return text
    raise UnreadableError(
        Message('"{written}" không phải là địa chỉ thư.', written=text[:60]), Message("Ghi dạng ten@laichau.example.")
    )


def with_samples(listed: tuple[OfficerRow, ...], units: Iterable[UnitRow], day: date) -> tuple[OfficerRow, ...]:
    """The listed officers and, for each unit that exists on `day` and lists none, a sample clerk and a sample head."""
    held = {(officer.unit, role) for officer in listed for role in officer.roles}
    return listed + tuple(o for unit in units for o in _samples(unit, day) if (o.unit, o.roles[0]) not in held)


def _samples(unit: UnitRow, day: date) -> Iterator[OfficerRow]:
    version = unit.at(day)
    if version is None:
        return
    for role, title, post in (
        (Role.CLERK, "Cán bộ mẫu", _CLERK_POST),
        (Role.HEAD, "Lãnh đạo mẫu", _HEAD_POST[version.kind]),
    ):
        login = f"{unit.key}.{role.value}"
        email = f"{login}@{SAMPLE_DOMAIN}"
        yield OfficerRow(login, f"{title} – {version.name}", post, unit.key, (role,), email, False)
