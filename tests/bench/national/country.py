"""A country to measure with: 34 provinces, 3,321 communes and as many enterprises as wanted, all sample data made from numbers alone.

What registration would say of it is made here directly: a million registrations by hand and approval would measure registration.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.events import Event
from shared.events.campaign import (
    Campaign,
    Cluster,
    Criterion,
    Indicator,
    Phase,
    Round,
    ScoreSheet,
    Text,
    UnitKind,
    UnitOfMeasure,
)
from shared.events.registration import (
    CampaignAdvanced,
    CampaignPublished,
    CommitmentApproved,
    Identifier,
    KeyPublished,
    OfficerAppointed,
    ParticipationApproved,
    Person,
    Role,
    UnitChanged,
    UnitVersion,
)
from shared.security import Officer, SigningKey, signed_in

CODE = "ca-nuoc-mau"
ROUND = "ky-1"
PROVINCES, COMMUNES = 34, 3321
INDICATORS = ("doanh-thu", "ngan-sach")
TARGET = Decimal(1000)
BEGINS, OPENS, DEADLINE = (datetime(2026, month, day, 1, tzinfo=UTC) for month, day in ((1, 5), (6, 26), (6, 30)))
PEM = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
"""With which this country's sessions are signed."""
PERSON = Person(name="Người mẫu", post="Giám đốc")


def _words(vi: str, en: str) -> Text:
    return Text(vi=vi, en=en)


def province(number: int) -> str:
    """The id of a province."""
    return f"tinh-{number:02}"


def commune(number: int) -> str:
    """The id of a commune."""
    return f"xa-{number:04}"


def enterprise(number: int) -> str:
    """The id of an enterprise."""
    return f"dn-{number:07}"


def cluster_of(number: int) -> str:
    """The cluster of an enterprise: one in each province."""
    return f"khoi-{number % PROVINCES:02}"


def tax_number(number: int) -> str:
    """The official identifier of an enterprise."""
    return f"9{number:09}"


def campaign() -> Campaign:
    """One movement for enterprises; the round under way is the first of two."""
    indicators = tuple(
        Indicator(
            code=code, title=_words(f"Chỉ tiêu mẫu {code}", f"Sample indicator {code}"), area=1, unit_of_measure="trieu-dong",
            direction="higher", nature="stock", owner="unit", period="half-year", sample=True,
        )
        for code in INDICATORS
    )  # fmt: skip
    criteria = tuple(
        Criterion(code=code, title=_words(code, code), method="attainment", max_points=Decimal(points), indicator=code)
        for code, points in zip(INDICATORS, (60, 35), strict=True)
    )
    punctual = Criterion(
        code="dung-han", title=_words("Đúng hạn", "On time"), method="timeliness", max_points=Decimal(5)
    )
    rounds = (
        Round(code=ROUND, title=_words("Kỳ 1", "Round 1"), window_start=date(2026, 1, 1), cutoff=date(2026, 6, 25), opens_at=OPENS, deadline=DEADLINE),
        Round(
            code="ky-2", title=_words("Kỳ 2", "Round 2"), window_start=date(2026, 1, 1), cutoff=date(2026, 12, 25),
            opens_at=OPENS + timedelta(days=180), deadline=DEADLINE + timedelta(days=180),
        ),
    )  # fmt: skip
    return Campaign(
        code=CODE, version=1, title=_words("Phong trào mẫu của cả nước", "A sample movement of the country"), theme=_words("Mẫu", "Sample"),
        starts=BEGINS.date(), registration_until=date(2026, 3, 1), ends_at=datetime(2026, 12, 31, tzinfo=UTC), legal_basis=(),
        anniversaries=(), areas=(), units_of_measure=(UnitOfMeasure(code="trieu-dong", title=_words("triệu đồng", "million VND")),),
        indicators=indicators, rounds=rounds,
        score_sheets=(ScoreSheet(code="phieu", title=_words("Phiếu", "Sheet"), criteria=(*criteria, punctual), grades=()),),
        clusters=tuple(
            Cluster(
                code=cluster_of(n), title=_words(f"Khối doanh nghiệp mẫu {n:02}", f"Sample cluster {n:02}"), kind=UnitKind.ENTERPRISE,
                score_sheet="phieu", sample=True,
            )
            for n in range(PROVINCES)
        ),
        sample_note=_words("Mọi đơn vị và số liệu đều là mẫu để đo.", "All units and figures are samples for a measurement."), work_duties=(),
    )  # fmt: skip


@dataclass(frozen=True)
class Country:
    """So many enterprises. Everything about one follows from its number."""

    enterprises: int
    communes: int = COMMUNES

    def directory(self) -> Iterator[Event]:
        """The campaign, and every unit."""
        yield CampaignPublished(campaign=CODE, revision=1, definition=campaign())
        yield CampaignAdvanced(campaign=CODE, revision=1, phase=Phase.RUNNING, at=BEGINS)
        for n in range(PROVINCES):
            yield _unit(
                province(n),
                n,
                UnitKind.PROVINCE,
                f"Tỉnh mẫu {n:02}",
                None,
                Identifier(scheme="dinh-danh", value=f"T{n:02}"),
            )
        for n in range(self.communes):
            above = province(n % PROVINCES)
            yield _unit(
                commune(n),
                100 + n,
                UnitKind.COMMUNE,
                f"Xã mẫu {n:04}",
                above,
                Identifier(scheme="dvhc", value=f"{n:05}"),
            )
        for n in range(self.enterprises):
            named = Identifier(scheme="mst", value=tax_number(n))
            yield _unit(
                enterprise(n),
                10_000 + n,
                UnitKind.ENTERPRISE,
                f"Doanh nghiệp mẫu {n:07}",
                province(n % PROVINCES),
                named,
            )

    def participants(self) -> Iterator[Event]:
        """Every enterprise takes part, with its targets."""
        for n in range(self.enterprises):
            for indicator in INDICATORS:
                yield CommitmentApproved(
                    campaign=CODE, unit=enterprise(n), indicator=indicator, revision=1, baseline=None, target=TARGET,
                    unit_of_measure="trieu-dong", effective_from=BEGINS.date(),
                )  # fmt: skip
            yield ParticipationApproved(
                campaign=CODE, unit=enterprise(n), revision=1, cluster=cluster_of(n), head=PERSON, focal_officer=PERSON,
                commitments=(), at=BEGINS,
            )  # fmt: skip

    def report(self, number: int) -> dict[str, Any]:
        """The body of an enterprise's report: attainments from 30 to 100 percent, spread over its cluster."""
        values = (300 + (number * factor + number // 7) % 701 for factor in (37, 263))
        return {
            "campaign": CODE, "unit": {"scheme": "mst", "value": tax_number(number)}, "round": ROUND,
            "values": [
                {
                    "indicator": code, "value": Decimal(value), "unit_of_measure": "trieu-dong", "kind": "official",
                    "as_of": "2026-06-25", "note": "Số liệu mẫu để đo",
                }
                for code, value in zip(INDICATORS, values, strict=True)
            ],
        }  # fmt: skip

    def thousandths(self) -> int:
        """The sum of all figures of all reports, in thousandths."""
        return sum(int(value["value"]) for n in range(self.enterprises) for value in self.report(n)["values"]) * 1000


def _unit(
    key: str, position: int, kind: UnitKind, name: str, parent: str | None, identifier: Identifier
) -> UnitChanged:
    version = UnitVersion(valid_from=date(2025, 7, 1), name=name, kind=kind, parent=parent)
    return UnitChanged(
        unit=key, revision=1, position=position, versions=(version,), identifiers=(identifier,), sample=True
    )


def officers() -> dict[str, Officer]:
    """A council's secretary, who looks at the league, and the head of each province."""
    heads = [("head", Role.HEAD, province(n)) for n in range(PROVINCES)]
    return {
        f"{post}-{unit}": signed_in(f"{post}-{unit}", 1, name="Cán bộ mẫu", post=post, unit=unit, roles=(role,))
        for post, role, unit in (("secretary", Role.SECRETARY, "hoi-dong"), *heads)
    }


def appointments(key: SigningKey) -> Iterator[Event]:
    """The key by which sessions are known, and the officers."""
    yield KeyPublished(key=key.id, public_pem=key.public_pem, expires_at=datetime(2099, 1, 1, tzinfo=UTC))
    for one in officers().values():
        yield OfficerAppointed(
            officer=one.id, revision=1, name=one.name, post=one.post, unit=one.unit, roles=tuple(one.roles)
        )


PEAK = 3
"""The last hour's curve: nobody at first, at its end three times as many as in the mean."""


def moment(share: float) -> float:
    """When, from 0 to 1 of the hour, this share of all reports has come: they come at a rate of 3t², so that t³ are there by t."""
    return float(share ** (1 / PEAK))


def chunks(events: Iterator[Event], size: int) -> Iterator[list[Event]]:
    """Events so many at a time."""
    return iter(lambda: list(itertools.islice(events, size)), [])
