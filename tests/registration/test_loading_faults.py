"""Each way to get a campaign's files wrong is told at its file and line, with the cure; nothing loads meanwhile."""

import shutil
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.registration import loading
from services.registration.loading import LoadingFault, LoadingRefused
from tests.registration.test_loading import FOLDER

YAML, UNITS, MERGERS, OFFICERS = "campaign.yaml", "units.csv", "successions.csv", "officers.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "campaign"))


def edit(path: Path, after: str, old: str, new: str) -> int:
    """Replace the first `old` after `after`; returns the line where it stood."""
    text = path.read_text("utf-8")
    at = text.index(old, text.index(after))
    path.write_text(text[:at] + new + text[at + len(old) :], "utf-8")
    return text.count("\n", 0, at) + 1


def line_of(path: Path, after: str, wanted: str) -> int:
    text = path.read_text("utf-8")
    return text.count("\n", 0, text.index(wanted, text.index(after))) + 1


def faults_of(folder: Path) -> tuple[LoadingFault, ...]:
    with pytest.raises(LoadingRefused) as refused:
        loading.read(folder)
    return refused.value.located


@dataclass
class Wrong:
    """One slip of the pen, and the fault it must give. `told` finds the fault's line where it is not the edited one."""

    file: str
    after: str
    old: str
    new: str
    field: str
    message: str
    cure: str
    told: tuple[str, str] | None = None
    more: int = 0  # faults elsewhere that follow from this one


COMMUNE = "\nxa-ta-tong,"
DISTRICT = "\nhuyen-muong-te,"
FIRM = "\ndn-mau-02,"
OFFICE = "\nso-tu-phap,"

# fmt: off
FORM = {
    "unknown key": Wrong(YAML, "early_warning:", "warn_below", "warn_bellow", "early_warning.warn_bellow", 'no entry called "warn_bellow"', 'mean "warn_below"'),
    "key twice": Wrong(YAML, "early_warning:", "clear_at: 90", "warn_below: 70", "early_warning.warn_below", "written twice", "Keep one"),
    "version by hand": Wrong(YAML, "code: lai", "title:", "version: 3\ntitle:", "version", 'no entry called "version"', "Write one of: code, title, "),
    "field missing": Wrong(YAML, "code: ban-le", "    direction: higher\n", "", "indicators[3].direction", '"direction" is missing', 'Add a line "direction: …"', ("- code: ban-le", "code: ban-le")),
    "decimal comma": Wrong(YAML, "warn_below", "80", "80,5", "early_warning.warn_below", '"80,5" is not a number', "Write 80.5 "),
    "thousands": Wrong(YAML, "warn_below", "80", "1.234,5", "early_warning.warn_below", '"1.234,5" is not a number', "like 1234.5"),
    "not a number": Wrong(YAML, "warn_below", "80", ".nan", "early_warning.warn_below", '".nan" is not a number', "like 1234.5"),
    "far too big": Wrong(YAML, "warn_below", "80", "1e400", "early_warning.warn_below", '"1e400" is not a number', "like 1234.5"),
    "thirty digits": Wrong(YAML, "warn_below", "80", "1" * 30, "early_warning.warn_below", "is not a number", "like 1234.5"),
    "half a place": Wrong(YAML, "code: ty-dong", "decimals: 3", "decimals: 2.5", "units_of_measure[1].decimals", '"2.5" is not a whole number', "whole number"),
    "day as spoken": Wrong(YAML, "code: ky-2", "2023-08-14", "14/8/2023", "rounds[1].cutoff", '"14/8/2023" is not a day', "Write 2023-08-14 "),
    "no such day": Wrong(YAML, "code: ky-2", "2023-08-14", "2023-02-30", "rounds[1].cutoff", '"2023-02-30" is not a day', "year-month-day"),
    "for ever": Wrong(UNITS, FIRM, "2023-01-01,,", "2023-01-01,9999-12-31,", "valid_to", '"9999-12-31" is not a day', "year-month-day"),
    "end of time": Wrong(YAML, "code: ky-5", "2023-10-30T17:00:00+07:00", "9999-12-31T23:00:00-07:00", "rounds[4].deadline", "not a point in time", "+07:00"),
    "no time zone": Wrong(YAML, "code: ky-2", "2023-08-24T17:00:00+07:00", "2023-08-24T17:00:00", "rounds[1].deadline", "time zone", "+07:00"),
    "no instant": Wrong(YAML, "code: ky-2", "2023-08-24T17:00:00+07:00", "17h 24/8", "rounds[1].deadline", "not a point in time", "+07:00"),
    "yes for true": Wrong(YAML, "work_duties:", "confirmed_by_parent: false", "confirmed_by_parent: no", "work_duties[0].confirmed_by_parent", "neither true nor false", "true or false"),
    "kind misspelt": Wrong(YAML, "code: cum-xa-vung-cao", "kind: commune", "kind: comune", "clusters[1].kind", '"comune" cannot be used', 'mean "commune"'),
    "method misspelt": Wrong(YAML, "code: bang-xa-vung-cao", "method: attainment", "method: attainement", "score_sheets[1].criteria[0].method", '"attainement"', 'mean "attainment"'),
    "no list": Wrong(YAML, "client: kho-bac", "[district]", "district", "partners[0].kinds", "A list is needed", '"- "'),
    "no mapping": Wrong(YAML, "client: kho-bac", "{vi: Hệ thống của Kho bạc Nhà nước (mẫu), en: System of the State Treasury (sample)}", "Kho bạc", "partners[0].title", "Lines of the form", "vi, en"),
    "list for a value": Wrong(YAML, "code: grdp", "direction: higher", "direction: [higher]", "indicators[0].direction", "A single value", "one value"),
    "nothing there": Wrong(YAML, "code: grdp", "direction: higher", "direction:", "indicators[0].direction", "A single value", "one value"),
    "empty title": Wrong(YAML, "code: ban-le", "en: Retail sales of goods and services", 'en: ""', "indicators[3].title.en", "It is empty", "Write something"),
    "broken quotes": Wrong(YAML, "areas:", '"Thực hành tiết kiệm, chống lãng phí"', '"Thực hành" tiết kiệm', "", "not valid YAML", "indentation"),
    "decomposed letters": Wrong(YAML, "areas:", "Phát triển", unicodedata.normalize("NFD", "Phát") + " triển", "", "composed Unicode form", '"Phát"'),
}

REFERENCES = {
    "area": Wrong(YAML, "code: grdp", "area: 1", "area: 10", "indicators[0].area", 'no content area "10"', 'mean "1"'),
    "measure": Wrong(YAML, "code: grdp", "phan-tram", "phan-tran", "indicators[0].unit_of_measure", 'no unit of measure "phan-tran"', 'mean "phan-tram"'),
    "period": Wrong(YAML, "code: grdp", "nine-months", "nine-month", "indicators[0].period", 'no natural period "nine-month"', 'mean "nine-months"'),
    "owner": Wrong(YAML, "code: grdp", "dinh-danh:H35.33", "dinh-danh:H35.99", "indicators[0].owner", 'no unit "dinh-danh:H35.99"', "mean"),
    "sheet": Wrong(YAML, "code: cum-huyen", "bang-huyen", "bang-huyenn", "clusters[0].score_sheet", 'no score sheet "bang-huyenn"', 'mean "bang-huyen"'),
    "criterion's indicator": Wrong(YAML, "code: bang-huyen", "indicator: thu-ngan-sach", "indicator: thu-ngan-sac", "score_sheets[0].criteria[0].indicator", 'no indicator "thu-ngan-sac"', 'mean "thu-ngan-sach"'),
    "partner's indicator": Wrong(YAML, "client: kho-bac", "[giai-ngan]", "[giai-ngân]", "partners[0].indicators[0]", 'no indicator "giai-ngân"', 'mean "giai-ngan"'),
    "partner's unit": Wrong(YAML, "client: kho-bac", "dinh-danh:H35.34", "mst:1234567890", "partners[0].unit", 'no unit "mst:1234567890"', ""),
    "unit's cluster": Wrong(UNITS, COMMUNE, "cum-xa-vung-cao", "cum-xa-vung-kao", "cluster", 'no emulation cluster "cum-xa-vung-kao"', 'mean "cum-xa-vung-cao"'),
    "unit's parent": Wrong(UNITS, COMMUNE, "huyen-muong-te", "huyen-muong-tee", "parent", 'no unit "huyen-muong-tee"', 'mean "huyen-muong-te"'),
    "predecessor": Wrong(MERGERS, "legal_act", "xa-ta-tong,", "xa-ta-ton,", "predecessor", 'no unit "xa-ta-ton"', 'mean "xa-ta-tong"'),
    "officer's unit": Wrong(OFFICERS, "kiem-tra", "tinh-lai-chau", "tinh-lao-cai", "unit", 'no unit "tinh-lao-cai"', "mean"),
}

MOVEMENT = {
    "indicator twice": Wrong(YAML, "code: xuat-nhap-khau", "code: xuat-nhap-khau", "code: ban-le", "indicators[4].code", '"ban-le" is declared twice', "first is on line", more=1),
    "round twice": Wrong(YAML, "code: ky-2", "code: ky-2", "code: ky-1", "rounds[1].code", '"ky-1" is declared twice', "first is on line"),
    "criterion twice": Wrong(YAML, "code: bang-huyen", "- code: giai-ngan", "- code: thu-ngan-sach", "score_sheets[0].criteria[1].code", "declared twice", "first is on line"),
    "code with marks": Wrong(YAML, "rounds:", "code: ky-2", "code: Kỳ-2", "rounds[1].code", '"Kỳ-2" is malformed', "lower-case"),
    "range backwards": Wrong(YAML, "code: grdp", "lower: -30", "lower: 30", "indicators[0].lower", "not below the upper limit 30", "below"),
    "flow from nowhere": Wrong(YAML, "code: ban-le", "    cumulative_from: 2023-01-01\n", "", "indicators[3].cumulative_from", "no day from which", "cumulative_from: 2023-01-01", ("indicators:", "code: ban-le")),
    "rate accumulates": Wrong(YAML, "code: grdp", "lower: -30", "cumulative_from: 2023-01-01\n    lower: -30", "indicators[0].cumulative_from", "Only a cumulative", "nature: flow"),
    "registration too early": Wrong(YAML, "registration_until", "2023-06-20", "2023-05-01", "registration_until", "before the movement starts", "from 2023-05-30"),
    "registration too late": Wrong(YAML, "registration_until", "2023-06-20", "2023-10-30", "registration_until", "does not end before", "before 2023-10-30"),
    "celebrated before": Wrong(YAML, "since: 1953-12-12", "2023-12-12", "1923-12-12", "anniversaries[2].celebrated", "not after the event", "after 1953-12-12"),
    "clears too low": Wrong(YAML, "early_warning", "clear_at: 90", "clear_at: 70", "early_warning.clear_at", "below the one that raises", "from 80"),
    "gap between windows": Wrong(YAML, "code: ky-3", "window_start: 2023-08-15", "window_start: 2023-08-20", "rounds[2].window_start", "gap or an overlap", "Write 2023-08-15"),
    "window before launch": Wrong(YAML, "code: ky-1", "2023-05-30", "2023-05-01", "rounds[0].window_start", "before the movement was launched", "from 2023-05-30"),
    "cut-off before window": Wrong(YAML, "code: ky-5", "cutoff: 2023-10-25", "cutoff: 2023-10-10", "rounds[4].cutoff", "before the first day", "from 2023-10-15"),
    "no working day": Wrong(YAML, "code: ky-4", "2023-10-23T17", "2023-10-16T17", "rounds[3].deadline", "no working day", "after the cut-off 2023-10-14"),
    "deadline after the end": Wrong(YAML, "code: ky-5", "2023-10-30T17:00", "2023-10-30T17:01", "rounds[4].deadline", "after the movement's end", "2023-10-30T17:00:00+07:00 at the latest"),
    "deadline before the last": Wrong(YAML, "code: ky-4", "2023-10-23T17", "2023-09-25T17", "rounds[3].deadline", "not after that of the round before", "after 2023-09-25", more=2),
    "opens too late": Wrong(YAML, "code: ky-3", "2023-09-15T00", "2023-09-26T00", "rounds[2].opens_at", "opens outside", "before the deadline"),
    "nobody in the cluster": Wrong(YAML, "\nclusters:", "  - code: cum-huyen", "  - {code: cum-moi, title: {vi: Mới, en: New}, kind: district, score_sheet: bang-huyen}\n  - code: cum-huyen", "clusters[0].code", '"cum-moi" has no unit', "units.csv"),
    "no members needed": Wrong(YAML, "code: cum-huyen", "    sample: true", "    least_members: 0", "clusters[0].least_members", "0 is too small", "from 1"),
    "no work owed": Wrong(YAML, "work_duties:", "required: 1", "required: 0", "work_duties[0].required", "0 is too small", "from 1"),
}

SHEETS = {
    "too many points": Wrong(YAML, "code: bang-huyen", "max_points: 14", "max_points: 15.5", "score_sheets[0].criteria", "sum to 101.5, not 100", "Take away 1.5 points", ("\nscore_sheets:", "code: bang-huyen")),
    "too few points": Wrong(YAML, "code: bang-huyen", "max_points: 14", "max_points: 12", "score_sheets[0].criteria", "sum to 98, not 100", "Add 2 points", ("\nscore_sheets:", "code: bang-huyen")),
    "bonus without cap": Wrong(YAML, "code: bang-trung-uong", "bonus_cap: 5", "bonus_cap: 0", "score_sheets[6].bonus_cap", "method bonus, but its cap is 0", '"bonus_cap" above 0'),
    "cap out of reach": Wrong(YAML, "code: bang-huyen", "total_cap: 105", "total_cap: 120", "score_sheets[0].total_cap", "cap 120 lies outside", "100 to 105"),
    "grades out of order": Wrong(YAML, "code: bang-huyen", "at_least: 95", "at_least: 80", "score_sheets[0].grades", "do not descend", "high to low", ("code: bang-huyen", "- {code: xuat-sac")),
    "no lowest grade": Wrong(YAML, "code: bang-huyen", "at_least: 0}", "at_least: 10}", "score_sheets[0].grades[3].at_least", "lowest grade begins at 10", "at_least: 0"),
    "worth nothing": Wrong(YAML, "code: bang-huyen", "max_points: 5\n      - code: vi-pham", "max_points: 0\n      - code: vi-pham", "score_sheets[0].criteria[15].max_points", "more than 0", "above 0"),
    "no measure": Wrong(YAML, "code: bang-huyen", "        indicator: thu-ngan-sach\n", "", "score_sheets[0].criteria[0].indicator", "cannot be measured: it has no indicator", "method: rubric", ("code: bang-huyen", "- code: thu-ngan-sach")),
    "no levels": Wrong(YAML, "code: bang-huyen", "method: timeliness", "method: rubric", "score_sheets[0].criteria[13].levels", "cannot be measured: it has fewer than two levels", 'Add "levels"', ("code: bang-huyen", "- code: bao-cao-dung-han")),
    "no bands": Wrong(YAML, "code: bang-huyen", "method: attainment", "method: bands", "score_sheets[0].criteria[0].bands", "by bands but has none", 'Add "bands"', ("code: bang-huyen", "- code: thu-ngan-sach")),
    "bands unused": Wrong(YAML, "code: bang-huyen", "method: bands", "method: attainment", "score_sheets[0].criteria[1].bands", '"bands" is not used', "Remove it", ("- code: giai-ngan\n        title", "- {at_least: 100")),
    "levels unused": Wrong(YAML, "code: bang-huyen", "method: rubric", "method: timeliness", "score_sheets[0].criteria[14].levels", '"levels" is not used', "Remove it", ("code: chi-dao", "- {code: tot")),
    "indicator unused": Wrong(YAML, "code: bang-huyen", "method: timeliness", "indicator: ocop\n        method: timeliness", "score_sheets[0].criteria[13].indicator", "not computed from an indicator", "Remove the line"),
    "band twice": Wrong(YAML, "code: bang-huyen", "at_least: 90, share", "at_least: 100, share", "score_sheets[0].criteria[1].bands", "the same at_least", "another bound", ("- code: giai-ngan\n        title", "- {at_least: 100")),
    "more than all": Wrong(YAML, "code: bang-huyen", "share: 0.8", "share: 80", "score_sheets[0].criteria[1].bands[1].share", "share 80 lies outside", "0 to 1"),
    "level above all": Wrong(YAML, "code: chi-dao", "share: 0.75", "share: 75", "score_sheets[0].criteria[14].levels[1].share", "share 75 lies outside", "0 to 1"),
    "late for more": Wrong(YAML, "code: bang-huyen", "late_share: 0.5", "late_share: 2", "score_sheets[0].criteria[13].late_share", "share 2 lies outside", "0 to 1"),
    "no works required": Wrong(YAML, "code: bang-huyen", "required: 1", "required: 0", "score_sheets[0].criteria[12].required", "0 is too small", "from 1"),
    "kept, not raised": Wrong(YAML, "indicators:\n", "direction: higher\n    nature: rate\n    owner: unit\n    period: school-year", "direction: keep\n    nature: rate\n    owner: unit\n    period: school-year", "score_sheets[4].criteria[9].method", '"truong-chuan" only has to be kept', "method: keep", ("code: bang-so-nganh", "method: attainment\n        indicator: truong-chuan")),
    "works nobody owes": Wrong(YAML, "work_duties:", "kind: district", "kind: department", "score_sheets[0].criteria[12].method", '"district" owe no works', "Add a duty", ("code: bang-huyen", "method: works")),
}

TABLES = {
    "cells": Wrong(UNITS, FIRM, "mst:0000000029,", "mst:0000000029 ", "", "10 cells, the header 11", "commas"),
    "open quote": Wrong(UNITS, FIRM, "mst:0000000029", '"mst:0000000029', "", "quote is not closed", "Close the quote"),
    "no name": Wrong(UNITS, FIRM, "Hợp tác xã mẫu 02 – Gỗ Rừng Xanh", "", "name", '"name" is missing', 'column "name"'),
    "no identifier": Wrong(UNITS, FIRM, "mst:0000000029", "", "identifiers", '"identifiers" is missing', 'column "identifiers"'),
    "key form": Wrong(UNITS, FIRM, "dn-mau-02", "DN Mẫu 02", "key", '"DN Mẫu 02" is malformed', "lower-case"),
    "sample word": Wrong(UNITS, FIRM, ",unit,", ",units,", "sample", '"units" cannot be used', 'mean "unit"'),
    "position": Wrong(UNITS, FIRM, ",195,", ",x,", "position", '"x" is not a whole number', "whole number"),
    "day": Wrong(UNITS, FIRM, "2023-01-01", "1/1/2023", "valid_from", '"1/1/2023" is not a day', "Write 2023-01-01"),
    "ends before it begins": Wrong(UNITS, FIRM, "2023-01-01,,", "2023-01-01,2022-12-31,", "valid_to", "before the first", "from 2023-01-01"),
    "decomposed name": Wrong(UNITS, COMMUNE, "Xã Tà Tổng", unicodedata.normalize("NFD", "Xã Tà") + " Tổng", "", "composed Unicode form", ""),
    "no scheme": Wrong(UNITS, OFFICE, "dinh-danh:H35.05", "H35.05", "identifiers", '"H35.05" has no known scheme', "scheme:code"),
    "strange scheme": Wrong(UNITS, OFFICE, "dinh-danh:H35.05", "dinhdanh:H35.05", "identifiers", "no known scheme", 'mean "dinh-danh"'),
    "lower-case code": Wrong(UNITS, OFFICE, "dinh-danh:H35.05", "dinh-danh:h35.05", "identifiers", '"h35.05" does not have the form', "dinh-danh:H35.01"),
    "code of 36 letters": Wrong(UNITS, OFFICE, "dinh-danh:H35.05", "dinh-danh:H35." + "A" * 32, "identifiers", "does not have the form", "dinh-danh:H35.01"),
    "old order": Wrong(UNITS, OFFICE, "000.00.05.H35", "H35.05.00.000", "identifiers", "does not have the form", "000.00.01.H35"),
    "dvhc of a district": Wrong(UNITS, COMMUNE, "dvhc:03463", "dvhc:463", "identifiers", '"463" does not suit', "a commune 5"),
    "tax number of an office": Wrong(UNITS, OFFICE, "dinh-danh:H35.05", "mst:0100000000", "identifiers", "enterprise only", "identification code"),
    "short tax number": Wrong(UNITS, FIRM, "mst:0000000029", "mst:29", "identifiers", '"29" does not have the form', "mst:"),
    "code with two owners": Wrong(UNITS, COMMUNE, "dvhc:03463", "dvhc:03451", "identifiers", 'dvhc:03451 belongs to "Xã Mù Cả"', "Correct the code"),
    "key with two owners": Wrong(UNITS, FIRM, "dn-mau-02", "dn-mau-01", "key", '"dn-mau-01" is already on line', "Change the key"),
    "parent gone": Wrong(UNITS, "\nxa-ta-tong-2025,", "tinh-lai-chau", "huyen-muong-te", "parent", "does not exist throughout", "Split this line"),
    "circle": Wrong(UNITS, DISTRICT, "tinh-lai-chau", "xa-ta-tong", "parent", "huyen-muong-te → xa-ta-tong → huyen-muong-te", "Correct the parent"),
    "no one to confirm": Wrong(UNITS, COMMUNE, "huyen-muong-te", "", "parent", "must be confirmed by the unit above", "key of the unit above"),
    "other kind's cluster": Wrong(UNITS, COMMUNE, "cum-xa-vung-cao", "cum-huyen", "cluster", '"commune" stands in a cluster of the kind "district"', "one kind"),
    "came too late": Wrong(UNITS, FIRM, "2023-01-01", "2023-07-01", "cluster", "does not exist throughout the movement", "Leave this cell empty"),
    "merged twice": Wrong(MERGERS, "xa-ta-tong,", "\n", "\nxa-ta-tong,xa-mu-ca-2025,2025-07-01,Nghị quyết,\n", "predecessor", '"xa-ta-tong" is already merged', "one new unit only"),
    "no act": Wrong(MERGERS, "xa-ta-tong,", "Nghị quyết 1670/NQ-UBTVQH15", "", "legal_act", '"legal_act" is missing', "Write a value"),
    "login twice": Wrong(OFFICERS, "hoi-dong.uy-vien,", "hoi-dong.uy-vien,", "hoi-dong.thu-ky,", "login", '"hoi-dong.thu-ky" is already', "another login"),
    "login form": Wrong(OFFICERS, "hoi-dong.uy-vien,", "hoi-dong.uy-vien,", "hội đồng,", "login", '"hội đồng" is malformed', "lower-case"),
    "unknown role": Wrong(OFFICERS, "\nkiem-tra", "auditor", "auditer", "roles", '"auditer" cannot be used', 'mean "auditor"'),
    "own approval": Wrong(OFFICERS, "\nxa-ta-tong.clerk", ",clerk,", ",clerk head,", "roles", "both enter and approve", "two people"),
    "no address": Wrong(OFFICERS, "\nkiem-tra", "kiem-tra@laichau.example", "kiem-tra", "email", '"kiem-tra" is not an e-mail', "laichau.example"),
}

GROUPS = (("form", FORM), ("reference", REFERENCES), ("movement", MOVEMENT), ("sheet", SHEETS), ("table", TABLES))
# fmt: on
CASES = {f"{group}: {name}": wrong for group, cases in GROUPS for name, wrong in cases.items()}


@pytest.mark.parametrize("wrong", CASES.values(), ids=CASES.keys())
def test_a_slip_is_told_once_at_its_line_with_its_cure(folder: Path, wrong: Wrong) -> None:
    path = folder / wrong.file
    line = edit(path, wrong.after, wrong.old, wrong.new)
    line += len(wrong.new) - len(wrong.new.lstrip("\n"))
    located = faults_of(folder)
    found = [fault for fault in located if wrong.message in fault.message.en]
    assert (len(found), len(located)) == (1, 1 + wrong.more), [fault.render("en") for fault in located]
    fault = found[0]
    assert (fault.file, fault.field) == (wrong.file, wrong.field)
    assert fault.line == (line_of(path, *wrong.told) if wrong.told else line)
    assert wrong.cure in fault.cure.en


def test_faults_of_all_files_are_told_together_in_order(folder: Path) -> None:
    edit(folder / YAML, "warn_below", "80", "80,5")
    edit(folder / YAML, "code: grdp", "area: 1", "area: 10")
    edit(folder / UNITS, COMMUNE, "cum-xa-vung-cao", "cum-xa")
    edit(folder / UNITS, DISTRICT, "2023-01-01", "01-01-2023")
    edit(folder / MERGERS, "legal_act", "xa-ta-tong,", "xa-ta-ton,")
    edit(folder / OFFICERS, "\nkiem-tra", "auditor", "auditer")
    located = faults_of(folder)
    assert [(f.file, f.field) for f in located] == [
        (YAML, "indicators[0].area"),
        (YAML, "early_warning.warn_below"),
        (OFFICERS, "roles"),
        (MERGERS, "predecessor"),
        (UNITS, "valid_from"),
        (UNITS, "cluster"),
    ]


def test_works_that_nobody_owes_are_told_for_every_sheet(folder: Path) -> None:
    edit(folder / YAML, "work_duties:", "  - {kind: commune, required: 1, confirmed_by_parent: true}\n", "")
    assert {f.field.partition(".")[0] for f in faults_of(folder)} == {f"score_sheets[{n}]" for n in (1, 2, 3)}


def test_a_movement_that_ends_before_it_starts_is_told_where_it_ends(folder: Path) -> None:
    line = edit(folder / YAML, "ends_at:", "2023-10-30T17", "2023-05-01T17")
    first = next(fault for fault in faults_of(folder) if fault.field == "ends_at")
    assert (first.line, first.message.en) == (line, "The movement ends before it starts.")


def test_a_wrong_header_is_told_once_per_column_and_stops_no_other_file(folder: Path) -> None:
    edit(folder / UNITS, "key,", "parent", "parents")
    edit(folder / OFFICERS, "\nkiem-tra", "auditor", "auditer")
    located = faults_of(folder)
    assert [(f.file, f.field) for f in located] == [(OFFICERS, "roles"), (UNITS, "parents"), (UNITS, "parent")]
    assert located[1].cure.en == 'Did you mean "parent"?'


@pytest.mark.parametrize("file", [YAML, UNITS, MERGERS, OFFICERS])
def test_a_missing_file_is_told(folder: Path, file: str) -> None:
    (folder / file).unlink()
    (fault,) = faults_of(folder)
    assert (fault.file, fault.line, fault.message.en) == (file, 1, "The file cannot be opened.")
    assert file in fault.cure.en


def test_a_file_in_another_encoding_is_told_at_its_first_bad_line(folder: Path) -> None:
    path = folder / OFFICERS
    path.write_bytes(path.read_bytes().replace("Lò Thị Mẫu".encode(), "Lâm Thi Mâu".encode("cp1258")))
    (fault,) = faults_of(folder)
    assert (fault.file, fault.line) == (OFFICERS, line_of(FOLDER / OFFICERS, "login,", "Lò Thị Mẫu"))
    assert fault.message.en == "The file is not UTF-8."


@pytest.mark.parametrize("file", [YAML, UNITS])
def test_a_hidden_character_is_told_at_its_line(folder: Path, file: str) -> None:
    line = edit(folder / file, "Lai Châu", "Châu", "Ch\x01âu")
    (fault,) = faults_of(folder)
    assert (fault.file, fault.line) == (file, line)
    assert "U+0001" in fault.message.vi


@pytest.mark.parametrize(
    ("text", "message"), [("# nothing\n", "empty"), ("- a\n", "Lines of the form"), ("a: " + "[" * 5000, "YAML")]
)
def test_a_file_that_is_no_campaign_is_told(folder: Path, text: str, message: str) -> None:
    (folder / YAML).write_text(text, "utf-8")
    assert any(message in fault.message.en for fault in faults_of(folder) if fault.file == YAML)


def test_lines_end_as_windows_ends_them_and_a_byte_order_mark_do_no_harm(folder: Path) -> None:
    for file in (YAML, UNITS, MERGERS, OFFICERS):
        text = (FOLDER / file).read_text("utf-8")
        (folder / file).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert loading.read(folder) == loading.read(FOLDER)


def test_a_refusal_speaks_both_languages_and_names_file_and_line(folder: Path) -> None:
    line = edit(folder / YAML, "warn_below", "80", "80,5")
    with pytest.raises(LoadingRefused) as refused:
        loading.read(folder)
    (fault,) = refused.value.located
    where = f"campaign.yaml:{line}: early_warning.warn_below: "
    assert fault.render("en") == where + '"80,5" is not a number that can be read. Write 80.5 (with a decimal point).'
    assert fault.render("vi") == where + '"80,5" không phải là số đọc được. Ghi 80.5 (dấu chấm thập phân).'
    assert refused.value.faults[0].field == f"campaign.yaml:{line} early_warning.warn_below"
