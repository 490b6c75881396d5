"""A campaign's folder, read and checked as a whole: all of it is sound, or every fault is told and nothing loads."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic_core import to_jsonable_python

from services.registration.loading.faults import Faults, LoadingFault, LoadingRefused
from services.registration.loading.hierarchy import check_hierarchy
from services.registration.loading.membership import check_membership
from services.registration.loading.movement import read_movement
from services.registration.loading.officers import OfficerRow, read_officers, with_samples
from services.registration.loading.successions import SuccessionRow, read_successions
from services.registration.loading.units import UnitRow, read_units
from shared.events.campaign import Campaign

__all__ = ["Loaded", "LoadingFault", "LoadingRefused", "OfficerRow", "SuccessionRow", "UnitRow", "read"]


@dataclass(frozen=True)
class Loaded:
    """What a folder holds. `campaign.version` is 0: whoever saves it counts the versions.

    `fingerprint` is the SHA-256 of the content, not of the bytes: comments and order of keys leave it as it is.
    """

    campaign: Campaign
    units: tuple[UnitRow, ...]
    successions: tuple[SuccessionRow, ...]
    officers: tuple[OfficerRow, ...]
    fingerprint: str


def read(folder: Path) -> Loaded:
    """Read campaign.yaml, units.csv, successions.csv, officers.csv; raise `LoadingRefused` with the faults of all four."""
    faults = Faults()
    document, campaign = read_movement(folder / "campaign.yaml", faults)
    directory = read_units(folder / "units.csv", faults)
    successions = read_successions(folder / "successions.csv", directory, faults)
    listed = read_officers(folder / "officers.csv", directory, faults)
    if directory:
        check_hierarchy(directory)
    if document and directory:
        check_membership(document, directory, faults)
    faults.refuse()
    assert campaign is not None, "a file that cannot be read has left a fault"
    assert directory is not None, "a file that cannot be read has left a fault"
    units = directory.units()
    officers = with_samples(listed, units, campaign.starts)
    return Loaded(campaign, units, successions, officers, _fingerprint(campaign, units, successions, officers))


def _fingerprint(campaign: Campaign, *tables: tuple[UnitRow | SuccessionRow | OfficerRow, ...]) -> str:
    content = [campaign, *[[asdict(row) for row in table] for table in tables]]
    canonical = json.dumps(to_jsonable_python(content), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
