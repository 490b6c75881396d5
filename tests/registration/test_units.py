"""Both trees by date, lineage, and what the outside calls a unit."""

from datetime import date

import pytest

from services.registration import units
from shared.database import Database
from shared.events.registration import UnitsSucceeded
from shared.events.reporting import UnitRef
from shared.messages import NotFound
from tests.registration.conftest import said

IN_2023, IN_2025 = date(2023, 10, 30), date(2025, 7, 1)


def names(branches: list[units.Branch]) -> dict[str, list[str]]:
    """Names below each name, over all depths."""
    found: dict[str, list[str]] = {}
    for branch in branches:
        found[branch.unit.name] = [b.unit.name for b in branch.below]
        found |= names(branch.below)
    return found


async def test_the_tree_of_2023_has_districts_between_and_that_of_2025_has_none(database: Database) -> None:
    async with database.read() as session:
        before, after = names(await units.tree(session, IN_2023)), names(await units.tree(session, IN_2025))
    assert "Huyện Tam Đường" in before["Tỉnh Lai Châu"]
    assert before["Huyện Tam Đường"] == ["Thị trấn Tam Đường", "Xã Bình Lư", "Xã Sơn Bình"]
    assert "Huyện Tam Đường" not in after
    assert "Xã Bình Lư" in after["Tỉnh Lai Châu"]


async def test_a_name_is_found_without_diacritics_with_what_lies_above_it(database: Database) -> None:
    async with database.read() as session:
        found = names(await units.tree(session, IN_2023, "TA TONG"))
        assert found == {"Tỉnh Lai Châu": ["Huyện Mường Tè"], "Huyện Mường Tè": ["Xã Tà Tổng"], "Xã Tà Tổng": []}
        assert await units.tree(session, IN_2023, "không có đâu") == []


async def test_a_merger_is_told_with_its_day_and_act_and_read_with_the_names_of_then(database: Database) -> None:
    (event,) = await said(database, UnitsSucceeded)
    assert (len(event.predecessors), event.date, event.legal_act) == (3, IN_2025, "Nghị quyết 1670/NQ-UBTVQH15")
    async with database.read() as session:
        (line,) = await units.lineage(session)
    assert (line.successor, set(line.predecessors)) == ("Xã Bình Lư", {"Thị trấn Tam Đường", "Xã Bình Lư", "Xã Sơn Bình"})


async def test_the_same_name_before_and_after_a_merger_is_two_units(database: Database, officer) -> None:
    async with database.read() as session:
        (branch,) = [b for b in (await units.tree(session, IN_2025))[0].below if b.unit.name == "Xã Bình Lư"]
        assert branch.unit.id != (await officer("xa-binh-lu.clerk")).unit


async def test_a_unit_is_named_by_id_or_by_scheme_and_value_on_its_day(database: Database, officer) -> None:
    clerk = await officer("huyen-muong-te.clerk")
    async with database.read() as session:
        assert await units.identify(session, clerk.unit, IN_2023) == clerk.unit
        assert await units.identify(session, UnitRef(scheme="dvhc", value="107"), IN_2023) == clerk.unit
        for unknown in ("khong-co", UnitRef(scheme="dvhc", value="99999")):
            with pytest.raises(NotFound) as refused:
                await units.identify(session, unknown, IN_2023)
            assert refused.value.faults[0].field == "unit"
        with pytest.raises(NotFound):
            await units.identify(session, UnitRef(scheme="dvhc", value="107"), IN_2025)
