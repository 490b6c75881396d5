"""The folder of Lai Châu, 2023, loads whole: what it must hold, and what a changed file changes."""

import ast
import shutil
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml

from services.registration import loading
from services.registration.loading.workdays import working_days_between
from shared.clock import LOCAL
from shared.events.campaign import Campaign, UnitKind
from shared.events.registration import Role
from shared.messages import translate

FOLDER = Path(__file__).parents[2] / "deploy" / "campaigns" / "lai-chau-2023"
LAUNCH, REFORM = date(2023, 5, 30), date(2025, 7, 1)


@pytest.fixture(scope="module")
def loaded() -> loading.Loaded:
    return loading.read(FOLDER)


def kinds_on(loaded: loading.Loaded, day: date) -> Counter[UnitKind]:
    return Counter(version.kind for unit in loaded.units if (version := unit.at(day)))


def test_2023_has_eight_districts_106_communes_and_60_enterprises(loaded: loading.Loaded) -> None:
    counted = kinds_on(loaded, LAUNCH)
    assert counted[UnitKind.PROVINCE] == 1
    assert counted[UnitKind.DISTRICT] == 8
    assert counted[UnitKind.COMMUNE] == 106
    assert counted[UnitKind.ENTERPRISE] == 60
    assert counted[UnitKind.DEPARTMENT] == 40


def test_since_july_2025_there_are_38_communes_and_no_district(loaded: loading.Loaded) -> None:
    counted = kinds_on(loaded, REFORM)
    assert (counted[UnitKind.DISTRICT], counted[UnitKind.COMMUNE]) == (0, 38)
    communes = [v for unit in loaded.units if (v := unit.at(REFORM)) and v.kind is UnitKind.COMMUNE]
    assert {v.parent for v in communes} == {"tinh-lai-chau"}


def test_each_commune_of_2023_became_part_of_exactly_one_of_2025(loaded: loading.Loaded) -> None:
    old = {u.key for u in loaded.units if (v := u.at(LAUNCH)) and v.kind is UnitKind.COMMUNE}
    new = {u.key for u in loaded.units if (v := u.at(REFORM)) and v.kind is UnitKind.COMMUNE}
    assert Counter(key for s in loaded.successions for key in s.predecessors) == dict.fromkeys(old, 1)
    assert Counter(s.successor for s in loaded.successions) == dict.fromkeys(new, 1)
    assert {s.legal_act for s in loaded.successions} == {"Nghị quyết 1670/NQ-UBTVQH15"}


def test_a_code_names_another_place_after_the_reform(loaded: loading.Loaded) -> None:
    holders = [u for u in loaded.units if any(i.value == "03388" for i in u.identifiers)]
    assert [u.versions[0].name for u in holders] == ["Phường Quyết Tiến", "Phường Đoàn Kết"]
    assert [u.at(LAUNCH) is None for u in holders] == [False, True]


def test_the_misprinted_commune_is_corrected_and_says_so(loaded: loading.Loaded) -> None:
    commune = next(u for u in loaded.units if u.key == "xa-pa-u")
    assert commune.versions[0].name == "Xã Pa Ủ"
    assert "Xã Pa ủ" in commune.note


def test_what_is_invented_is_marked_as_sample(loaded: loading.Loaded) -> None:
    for unit in loaded.units:
        kind = unit.versions[0].kind
        assert unit.sample == (kind is UnitKind.ENTERPRISE)
        assert unit.sample_codes == (kind in (UnitKind.DEPARTMENT, UnitKind.DISTRICT))
    campaign = loaded.campaign
    assert all(sheet.sample for sheet in campaign.score_sheets)
    assert all(cluster.sample for cluster in campaign.clusters)
    assert all(partner.sample for partner in campaign.partners)
    assert "mẫu" in campaign.sample_note.vi


def test_everybody_but_the_province_stands_in_a_cluster_of_its_kind(loaded: loading.Loaded) -> None:
    clusters = {c.code: c for c in loaded.campaign.clusters}
    for unit in loaded.units:
        if version := unit.at(LAUNCH):
            expected = version.kind if unit.cluster else UnitKind.PROVINCE
            assert version.kind is expected
            assert unit.cluster is None or clusters[unit.cluster].kind is version.kind
    assert all(loaded.campaign.sheet_of(code) for code in clusters)


def test_the_movement_is_that_of_the_letter(loaded: loading.Loaded) -> None:
    campaign = loaded.campaign
    assert campaign.starts == LAUNCH
    assert campaign.ends_at.astimezone(LOCAL).isoformat() == "2023-10-30T17:00:00+07:00"
    assert [a.number for a in campaign.areas] == list(range(1, 10))
    assert len(campaign.anniversaries) == 4
    assert len(campaign.indicators) >= 20
    assert [f"{r.cutoff:%d/%m}" for r in campaign.rounds] == ["14/07", "14/08", "14/09", "14/10", "25/10"]
    assert campaign.rounds[-1].deadline == campaign.ends_at
    acts = {basis.symbol: basis.issued for basis in campaign.legal_basis}
    assert {"15/2003/QH11", "91/2017/NĐ-CP", "09/2019/NĐ-CP", "06/2018/QĐ-UBND"} <= {
        s for s, issued in acts.items() if issued
    }


def test_115_works_are_owed_and_those_of_communes_need_their_district(loaded: loading.Loaded) -> None:
    counted = kinds_on(loaded, LAUNCH)
    assert sum(duty.required * counted[duty.kind] for duty in loaded.campaign.work_duties) == 1 + 8 + 106
    assert {d.kind for d in loaded.campaign.work_duties if d.confirmed_by_parent} == {UnitKind.COMMUNE}


def test_every_method_of_scoring_is_used_and_districts_are_not_asked_for_grdp(loaded: loading.Loaded) -> None:
    criteria = [c for sheet in loaded.campaign.score_sheets for c in sheet.criteria]
    methods = {"attainment", "bands", "works", "keep", "timeliness", "rubric", "bonus", "penalty"}
    assert {c.method for c in criteria} == methods
    assert "grdp" not in {c.indicator for c in criteria}
    directions = {i.code: i.direction for i in loaded.campaign.indicators}
    assert {directions[c.indicator] for c in criteria if c.method == "attainment" and c.indicator} == {
        "higher",
        "lower",
    }


def test_each_unit_of_2023_has_a_clerk_and_a_head_of_its_own(loaded: loading.Loaded) -> None:
    units = {u.key for u in loaded.units if u.at(LAUNCH)}
    for role in (Role.CLERK, Role.HEAD):
        assert Counter(o.unit for o in loaded.officers if role in o.roles) == dict.fromkeys(units, 1)
    assert len({o.login for o in loaded.officers}) == len(loaded.officers)
    assert all(o.email.endswith("@laichau.example") for o in loaded.officers)
    assert {role for o in loaded.officers if o.listed for role in o.roles} == set(Role) - {Role.CLUSTER_HEAD}


def test_generated_officers_say_that_they_are_samples(loaded: loading.Loaded) -> None:
    names = {o.login: o.name for o in loaded.officers}
    assert names["xa-mu-ca.clerk"] == "Cán bộ mẫu – Xã Mù Cả"
    assert all("mẫu" in o.name.lower() for o in loaded.officers)


def test_the_same_folder_has_the_same_fingerprint_and_comments_do_not_count(
    loaded: loading.Loaded, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(FOLDER, tmp_path / "copy"))
    assert loading.read(copy) == loaded
    path = copy / "campaign.yaml"
    path.write_text("# another comment\n" + path.read_text("utf-8"), "utf-8")
    assert loading.read(copy).fingerprint == loaded.fingerprint


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("campaign.yaml", "warn_below: 80", "warn_below: 75"),
        ("units.csv", "Xã Tà Tổng", "Xã Tà Tổng Mới"),
        ("successions.csv", "Nghị quyết 1670/NQ-UBTVQH15", "Nghị quyết số 1670/NQ-UBTVQH15"),
        ("officers.csv", "Lò Thị Mẫu", "Lò Thị Mẫu Hai"),
    ],
)
def test_a_change_in_any_file_changes_the_fingerprint(
    loaded: loading.Loaded, tmp_path: Path, file: str, old: str, new: str
) -> None:
    path = Path(shutil.copytree(FOLDER, tmp_path / "copy")) / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    assert loading.read(path.parent).fingerprint != loaded.fingerprint


def test_rows_with_one_key_are_versions_of_one_unit(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(FOLDER, tmp_path / "copy"))
    units, mergers = copy / "units.csv", copy / "successions.csv"
    units.write_text(units.read_text("utf-8").replace("\nxa-mu-ca-2025,", "\nxa-mu-ca,"), "utf-8")
    kept = [line for line in mergers.read_text("utf-8").splitlines(keepends=True) if not line.startswith("xa-mu-ca,")]
    mergers.write_text("".join(kept), "utf-8")
    unit = next(u for u in loading.read(copy).units if u.key == "xa-mu-ca")
    assert [v.parent for v in unit.versions] == ["huyen-muong-te", "tinh-lai-chau"]
    assert unit.cluster == "cum-xa-vung-cao"


def test_a_campaign_survives_the_way_through_json(loaded: loading.Loaded) -> None:
    assert Campaign.model_validate_json(loaded.campaign.model_dump_json()) == loaded.campaign
    assert loaded.campaign.version == 0


@pytest.mark.parametrize(
    ("earlier", "later", "days_off", "working"),
    [
        (date(2023, 10, 25), date(2023, 10, 30), (), 2),
        (date(2023, 10, 13), date(2023, 10, 16), (), 0),
        (date(2023, 8, 31), date(2023, 9, 5), (), 2),
        (date(2023, 8, 31), date(2023, 9, 5), (date(2023, 9, 1), date(2023, 9, 4)), 0),
        (date(2023, 10, 30), date(2023, 10, 30), (), 0),
        (date(2023, 10, 30), date(2023, 10, 20), (), 0),
    ],
)
def test_working_days_leave_out_weekends_and_days_off(
    earlier: date, later: date, days_off: tuple[date, ...], working: int
) -> None:
    assert working_days_between(earlier, later, days_off) == working


def story() -> dict[str, list[dict[str, Any]]]:
    text = (FOLDER / "story.yaml").read_text("utf-8")
    commitments: dict[str, list[dict[str, Any]]] = yaml.safe_load(text)["commitments"]
    return commitments


def test_the_story_knows_every_measured_criterion_of_every_cluster(loaded: loading.Loaded) -> None:
    written = {code: [entry["indicator"] for entry in entries] for code, entries in story().items()}
    scored = {
        cluster.code: [c.indicator for c in sheet.criteria if c.indicator]
        for cluster in loaded.campaign.clusters
        if (sheet := loaded.campaign.sheet_of(cluster.code))
    }
    assert {code: sorted(names) for code, names in written.items()} == {
        code: sorted(names) for code, names in scored.items()
    }


def test_the_storys_targets_lie_inside_the_indicators_ranges(loaded: loading.Loaded) -> None:
    members = {u.key: u.cluster for u in loaded.units}
    for code, entries in story().items():
        for entry in entries:
            indicator = loaded.campaign.indicator(entry["indicator"])
            assert indicator is not None
            measure = loaded.campaign.unit_of_measure(indicator.unit_of_measure)
            assert measure is not None
            assert entry["decimals"] <= measure.decimals
            assert {members[key] for key in entry.get("units", ())} <= {code}
            lowest, highest = reach(entry, indicator.direction)
            assert indicator.lower is None or lowest >= indicator.lower, entry
            assert indicator.upper is None or highest <= indicator.upper, entry


def reach(entry: dict[str, Any], direction: str) -> tuple[Decimal, Decimal]:
    ranges = {
        name: [Decimal(str(n)) for n in entry[name]] for name in ("baseline", "uplift", "target") if name in entry
    }
    assert all(low <= high for low, high in ranges.values()), entry
    if "target" in ranges:
        assert "baseline" not in ranges, entry
        return ranges["target"][0], ranges["target"][1]
    (low, high), (_, most) = ranges["baseline"], ranges["uplift"]
    return (low - most, high) if direction == "lower" else (low, high + most)


def messages() -> list[str]:
    sources = sorted(Path(loading.__file__).parent.glob("*.py"))
    calls = [
        node for path in sources for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    texts = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Message"]
    return [text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)]


def test_every_message_of_loading_has_an_english_twin_with_the_same_parameters() -> None:
    assert len(messages()) > 100
    for text in messages():
        english = translate(text, "en")
        assert english != text, text
        assert {f[1:] for f in Formatter().parse(text) if f[1]} == {
            f[1:] for f in Formatter().parse(english) if f[1]
        }, text
