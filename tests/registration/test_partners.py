"""Partner systems: registered with keys that are shown once, rotated with an overlap, shut out at once; by page and by command."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import nkeys
import pytest
from sqlalchemy import select

from services.__main__ import main
from services.registration import campaigns, partner_keys, partners
from services.registration.models import PartnerCredential, PartnerSystem
from services.registration.partner_keys import Secrets, Terms
from services.registration.partners import PartnerForm
from shared import audit
from shared.database import Database
from shared.events.campaign import UnitKind
from shared.events.registration import PartnerAdmitted, PartnerRegistered, PartnerRevoked
from shared.events.reporting import UnitRef
from shared.messages import Conflict, Forbidden, NotFound, Refused
from shared.security import System
from tests.registration.conftest import REGISTERING, Town, said, small

TREASURY = UnitRef(scheme="dinh-danh", value="H35.34")
HAND = System("command-line", "Dòng lệnh")
TAXES = PartnerForm("thue", "Cục Thuế", TREASURY, indicators=("giai-ngan",), kinds=(UnitKind.COMMUNE,))


async def register(database: Database, form: PartnerForm = TAXES, terms: Terms = Terms()) -> Secrets:
    async with database.write() as session:
        await partners.register(session, await campaigns.chosen(session, None), form, REGISTERING)
        return await partner_keys.admit(session, HAND, form.client, terms, REGISTERING)


async def test_a_system_is_registered_and_admitted_with_keys_of_which_only_digests_stay(database: Database) -> None:
    made = await register(database, terms=Terms(quota=90, contact="02133 123 456"))
    assert nkeys.from_seed(bytearray(made.nkey_seed.encode())).public_key.decode() == made.nkey
    *_, registered = await said(database, PartnerRegistered)
    assert (registered.client, registered.active, registered.types) == ("thue", True, ("inbound.indicator.observed.v1",))
    [admitted] = await said(database, PartnerAdmitted)
    assert (admitted.quota, admitted.revision) == (90, 1)
    [key] = admitted.keys
    assert (key.nkey, key.secret_sha256) == (made.nkey, hashlib.sha256(made.api_key.encode()).hexdigest())
    async with database.read() as session:
        row = await session.scalar(select(PartnerCredential))
        kept = str(vars(row)) + admitted.model_dump_json() + str([dict(e._mapping) for e in await session.execute(select(audit.audit))])
    assert made.api_key not in kept
    assert made.nkey_seed not in kept


async def test_after_a_rotation_both_keys_hold_until_the_overlap_ends(database: Database) -> None:
    first = await register(database)
    async with database.write() as session:
        second = await partner_keys.rotate(session, HAND, "thue", timedelta(hours=2), REGISTERING)
        for after, holding in ((0, [first.nkey, second.nkey]), (2, [second.nkey])):
            assert (await partner_keys.nkeys_of_all(session, REGISTERING + timedelta(hours=after)))["thue"] == holding
    admitted = (await said(database, PartnerAdmitted))[-1]
    assert [key.expires_at for key in admitted.keys] == [REGISTERING + timedelta(hours=2), None]


async def test_a_system_that_is_shut_out_holds_no_key_and_a_rotation_lets_it_in_again(database: Database) -> None:
    await register(database)
    async with database.write() as session:
        await partner_keys.revoke(session, HAND, "thue", REGISTERING)
        assert "thue" not in await partner_keys.nkeys_of_all(session, REGISTERING)
        assert await partner_keys.holding(session, "thue", REGISTERING) == []
        made = await partner_keys.rotate(session, HAND, "thue", timedelta(hours=1), REGISTERING)
        assert (await partner_keys.nkeys_of_all(session, REGISTERING))["thue"] == [made.nkey]
    told = await said(database, PartnerAdmitted, PartnerRevoked)
    assert [event.revision for event in told] == [1, 2, 3]
    assert isinstance(told[1], PartnerRevoked)


async def test_only_an_operator_changes_keys(database: Database, officer) -> None:
    await register(database)
    secretary = await officer("hoi-dong.thu-ky")
    async with database.write() as session:
        for change in (
            partner_keys.admit(session, secretary, "thue", Terms(), REGISTERING),
            partner_keys.rotate(session, secretary, "thue", timedelta(0), REGISTERING),
            partner_keys.revoke(session, secretary, "thue", REGISTERING),
        ):
            with pytest.raises(Forbidden):
                await change


WRONG = {
    "client": PartnerForm("Kho Bạc", "x", TREASURY),
    "title": PartnerForm("thue", " ", TREASURY),
    "types": PartnerForm("thue", "x", TREASURY, types=("inbound.x.y.v1",)),
    "indicators": PartnerForm("thue", "x", TREASURY, indicators=("khong-co",)),
    "unit": PartnerForm("thue", "x", UnitRef(scheme="mst", value="1")),
}


@pytest.mark.parametrize("field", WRONG)
async def test_what_cannot_be_registered_is_refused_by_field(database: Database, field: str) -> None:
    with pytest.raises(Refused) as refused:
        await register(database, WRONG[field])
    assert [fault.field for fault in refused.value.faults] == [field]


@pytest.mark.parametrize("terms", [Terms(quota=0), Terms(signing_keys=("x",))])
async def test_terms_that_cannot_be_kept_are_refused(database: Database, terms: Terms) -> None:
    with pytest.raises(Refused):
        await register(database, terms=terms)


async def test_a_name_is_given_once_and_keys_need_a_registered_system(database: Database) -> None:
    await register(database)
    with pytest.raises(Conflict):
        await register(database)
    with pytest.raises(NotFound):
        async with database.write() as session:
            await partner_keys.rotate(session, HAND, "nobody", timedelta(0), REGISTERING)


async def test_a_campaign_file_that_does_not_name_an_operators_system_leaves_it_alone(database: Database) -> None:
    await register(database)
    changed = small()
    async with database.write() as session:
        campaign = changed.campaign.model_copy(update={"version": 2})
        await partners.save(session, campaign, REGISTERING)
        row = await session.get(PartnerSystem, (campaign.code, "thue"))
        assert row is not None
        assert row.active


async def test_the_page_shows_secrets_once_and_changes_keys(town: Town) -> None:
    await town.browse("van-hanh")
    form = {"client": "thue", "title": "Cục Thuế", "unit": "dinh-danh:H35.34", "types": "inbound.indicator.observed.v1", "indicators": "giai-ngan"}
    wrong = await town.post("/registration/partners", **form | {"unit": "H35", "client": "Thuế"})
    assert wrong.status_code == 422
    assert "Thuế" in wrong.text
    made = await town.post("/registration/partners", **form)
    assert made.status_code == 200, made.text
    secret = made.text.partition("thidua.thue.")[2].partition("<")[0]
    assert len(secret) >= 40
    page = await town.client.get("/registration/partners")
    assert secret not in page.text
    assert "thue" in page.text
    rotated = await town.post("/registration/partners/thue/rotate")
    assert "thidua.thue." in rotated.text
    assert secret not in rotated.text
    assert (await town.post("/registration/partners/thue/revoke")).status_code == 303
    assert "Đã thu hồi" in (await town.client.get("/registration/partners")).text


async def test_who_is_no_operator_sees_the_systems_and_changes_nothing(town: Town) -> None:
    await town.browse("hoi-dong.thu-ky")
    page = await town.client.get("/registration/partners")
    assert page.status_code == 200
    assert "rotate" not in page.text
    for path in ("/registration/partners/kho-bac/rotate", "/registration/partners/kho-bac/revoke", "/registration/partners"):
        answer = await town.post(path, client="x", title="x", unit="dinh-danh:H35.34", types="inbound.indicator.observed.v1")
        assert answer.status_code == 403


def test_the_command_registers_lists_rotates_revokes_and_exports(tmp_path: Path, capsys) -> None:
    at = ["--data", str(tmp_path / "data")]

    def run(*arguments: str) -> str:
        capsys.readouterr()
        assert main(list(arguments)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    run("load", "deploy/campaigns/lai-chau-2023", *at)
    added = json.loads(run("partners", *at, "add", "thue", "--title", "Cục Thuế", "--unit", "dinh-danh:H35.34", "--quota", "50"))
    assert set(added) == {"client", "key", "api_key", "nkey_seed", "nkey"}
    rotated = json.loads(run("partners", *at, "rotate", "thue", "--overlap", "1"))
    listed = {row["client"]: row for row in map(json.loads, run("partners", *at, "list").splitlines())}
    assert [key["nkey"] for key in listed["thue"]["keys"]] == [added["nkey"], rotated["nkey"]]
    assert listed["kho-bac"]["keys"] == []
    keys, accounts = tmp_path / "keys", tmp_path / "accounts.conf"
    run("partners", "keys", str(keys))
    run("partners", *at, "export", "--keys", str(keys), "--to", str(accounts))
    assert added["nkey"] in accounts.read_text()
    assert rotated["nkey"] in accounts.read_text()
    run("partners", *at, "revoke", "thue")
    exported = run("partners", *at, "export", "--keys", str(keys))
    assert added["nkey"] not in exported
    assert rotated["nkey"] not in exported
    assert '"inbound.thue.>"' in exported  # what it sent before is still read
    assert main(["partners", *at, "rotate", "nobody"]) == 1
