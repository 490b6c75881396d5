"""Partner systems: registered with keys that are shown once, rotated with an overlap, shut out at once; by page and by command."""

import asyncio
import base64
import hashlib
import json
import re
import shlex
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import nkeys
import pytest
from sqlalchemy import select

from services.command_line import main
from services.registration import campaigns, partner_keys, partners
from services.registration.models import PartnerCredential, PartnerSystem
from services.registration.partner_keys import Secrets, Terms
from services.registration.partners import PartnerForm
from shared import audit, units
from shared.database import Database
from shared.events.campaign import UnitKind
from shared.events.contract import inbound_types
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


async def test_a_system_that_is_shut_out_holds_no_key_and_only_an_admission_lets_it_in_again_on_its_terms(database: Database) -> None:
    await register(database, terms=Terms(quota=90))
    async with database.write() as session:
        await partner_keys.revoke(session, HAND, "thue", REGISTERING)
        assert "thue" not in await partner_keys.nkeys_of_all(session, REGISTERING)
        assert await partner_keys.holding(session, "thue", REGISTERING) == []
        assert await partner_keys.shut_out(session) == {"thue"}
        with pytest.raises(Conflict, match="admit thue"):
            await partner_keys.rotate(session, HAND, "thue", timedelta(hours=1), REGISTERING)
        made = await partner_keys.admit(session, HAND, "thue", None, REGISTERING)
        assert (await partner_keys.nkeys_of_all(session, REGISTERING))["thue"] == [made.nkey]
        assert await partner_keys.shut_out(session) == set()
    told = await said(database, PartnerAdmitted, PartnerRevoked)
    assert [event.revision for event in told] == [1, 2, 3]
    assert isinstance(told[1], PartnerRevoked)
    assert told[2].quota == 90


async def test_a_second_rotation_does_not_prolong_keys_that_end_before_it(database: Database) -> None:
    await register(database)
    async with database.write() as session:
        await partner_keys.rotate(session, HAND, "thue", timedelta(hours=2), REGISTERING)
        await partner_keys.rotate(session, HAND, "thue", timedelta(hours=50), REGISTERING)
        ends = [key.expires_at for key in await partner_keys.holding(session, "thue", REGISTERING)]
    assert ends == [REGISTERING + timedelta(hours=2), REGISTERING + timedelta(hours=50), None]


async def test_terms_and_scope_change_after_registration_with_a_new_revision_and_an_audit_record(database: Database) -> None:
    await register(database)
    key = base64.b64encode(bytes(32)).decode()
    wider = replace(TAXES, title="Cục Thuế tỉnh", types=inbound_types(), kinds=(UnitKind.ENTERPRISE,), units=(TREASURY,))
    async with database.write() as session:
        campaign = await campaigns.chosen(session, None)
        for _ in range(2):  # the second time nothing is different
            await partners.change(session, HAND, campaign, wider, REGISTERING)
            await partner_keys.change(session, HAND, "thue", Terms(5, "02133 123 456", (key,)), REGISTERING)
    registered = [event for event in await said(database, PartnerRegistered) if event.client == "thue"]
    assert [(event.revision, event.title) for event in registered] == [(1, "Cục Thuế"), (2, "Cục Thuế tỉnh")]
    assert (registered[1].types, registered[1].kinds, len(registered[1].units)) == (inbound_types(), (UnitKind.ENTERPRISE,), 1)
    first, second = await said(database, PartnerAdmitted)
    assert (second.revision, second.quota, second.signing_keys, second.keys) == (2, 5, (key,), first.keys)
    async with database.read() as session:
        entries = {row.action: json.loads(row.details) for row in await session.execute(select(audit.audit))}
    assert (entries["partner.changed"]["before"]["title"], entries["partner.changed"]["after"]["title"]) == ("Cục Thuế", "Cục Thuế tỉnh")
    assert (entries["partner.terms-changed"]["before"]["quota"], entries["partner.terms-changed"]["after"]["quota"]) == (600, 5)


async def test_terms_of_a_system_that_is_shut_out_change_without_letting_it_in(database: Database) -> None:
    await register(database)
    async with database.write() as session:
        await partner_keys.revoke(session, HAND, "thue", REGISTERING)
        await partner_keys.change(session, HAND, "thue", Terms(quota=5), REGISTERING)
    assert isinstance((await said(database, PartnerAdmitted, PartnerRevoked))[-1], PartnerRevoked)
    async with database.write() as session:
        await partner_keys.admit(session, HAND, "thue", None, REGISTERING)
    assert (await said(database, PartnerAdmitted))[-1].quota == 5


async def test_what_the_campaigns_file_says_of_a_system_is_changed_in_the_file_and_the_rest_here(database: Database) -> None:
    async with database.write() as session:
        campaign = await campaigns.chosen(session, None)
        row = await session.get(PartnerSystem, (campaign.code, "kho-bac"))
        assert row is not None
        as_it_is = partners.form_of(row)
        with pytest.raises(Conflict, match="title"):
            await partners.change(session, HAND, campaign, replace(as_it_is, title="Khác"), REGISTERING)
        await partners.change(session, HAND, campaign, replace(as_it_is, types=inbound_types()), REGISTERING)
        await partners.save(session, campaign, REGISTERING)
        assert partners.types_of(row) == inbound_types()
        with pytest.raises(NotFound):
            await partners.change(session, HAND, campaign, replace(as_it_is, client="nobody"), REGISTERING)


async def test_only_an_operator_changes_keys(database: Database, officer) -> None:
    await register(database)
    secretary = await officer("hoi-dong.thu-ky")
    async with database.write() as session:
        for change in (
            partner_keys.admit(session, secretary, "thue", Terms(), REGISTERING),
            partner_keys.rotate(session, secretary, "thue", timedelta(0), REGISTERING),
            partner_keys.revoke(session, secretary, "thue", REGISTERING),
            partner_keys.change(session, secretary, "thue", Terms(), REGISTERING),
            partners.change(session, secretary, await campaigns.chosen(session, None), TAXES, REGISTERING),
        ):
            with pytest.raises(Forbidden):
                await change


WRONG = {
    "client": PartnerForm("Kho Bạc", "x", TREASURY, indicators=("giai-ngan",)),
    "title": PartnerForm("thue", " ", TREASURY, indicators=("giai-ngan",)),
    "types": PartnerForm("thue", "x", TREASURY, types=("inbound.x.y.v1",)),
    "indicators of a type that needs them": PartnerForm("thue", "x", TREASURY),
    "indicators": PartnerForm("thue", "x", TREASURY, indicators=("khong-co",)),
    "unit": PartnerForm("thue", "x", UnitRef(scheme="mst", value="1"), indicators=("giai-ngan",)),
}


@pytest.mark.parametrize("field", WRONG)
async def test_what_cannot_be_registered_is_refused_by_field(database: Database, field: str) -> None:
    with pytest.raises(Refused) as refused:
        await register(database, WRONG[field])
    assert [fault.field for fault in refused.value.faults] == [field.partition(" ")[0]]


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
    form = {"client": "thue", "title": "Cục Thuế", "unit": "dinh-danh:H35.34", "types": "inbound.indicator.observed.v1", "indicators": "giai-ngan", "kinds": "commune"}
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
    assert (await town.post("/registration/partners/thue/rotate")).status_code == 409
    assert "thidua.thue." in (await town.post("/registration/partners/thue/admit")).text
    assert "Đã thu hồi" not in (await town.client.get("/registration/partners")).text


async def test_the_page_shows_scope_and_terms_as_they_are_and_changes_them(town: Town) -> None:
    await town.browse("van-hanh")
    form = {"client": "thue", "title": "Cục Thuế", "unit": "dinh-danh:H35.34", "types": "inbound.indicator.observed.v1", "indicators": "giai-ngan", "kinds": "commune"}
    await town.post("/registration/partners", **form, quota="90", only="dinh-danh:H35.34")
    shown = (await town.client.get("/registration/partners/thue/change")).text
    for words in ('value="Cục Thuế"', 'value="dinh-danh:H35.34"', 'value="90"', ">dinh-danh:H35.34</textarea>", 'value="giai-ngan" checked'):
        assert words in shown
    wrong = await town.post("/registration/partners/thue/change", **form | {"title": "", "unit": "dinh-danh:H35.99"}, quota="0")
    assert (wrong.status_code, "thue</code>" in wrong.text, "Chưa lưu được" in wrong.text) == (422, True, True)
    unknown = await town.post("/registration/partners/thue/change", **form | {"unit": "dinh-danh:nobody"})
    assert (unknown.status_code, "nobody" in unknown.text, "Chưa lưu được" in unknown.text) == (404, True, True)
    done = await town.post("/registration/partners/thue/change", **form | {"title": "Cục Thuế tỉnh"}, quota="120", contact="02133 1")
    assert done.status_code == 303
    listed = (await town.client.get("/registration/partners")).text
    assert all(words in listed for words in ("Cục Thuế tỉnh", "120 sự kiện mỗi phút", "02133 1"))
    assert (await town.post("/registration/partners/nobody/change", **form)).status_code == 404
    held = await town.post("/registration/partners/kho-bac/change", **form | {"title": "Khác"})
    assert (held.status_code, "Tệp của phong trào quy định mục này." in held.text) == (409, True)


async def test_on_a_broker_without_accounts_registration_itself_makes_a_partners_places_and_takes_them_away(town: Town) -> None:
    async def listens() -> bool:
        found = await town.service.jetstream.consumers_info("REPORTING")
        return "partner-thue" in {consumer.name for consumer in found}

    async def until(wanted: bool) -> None:
        async with asyncio.timeout(60):
            while await listens() != wanted:
                await asyncio.sleep(0.02)

    await register(town.service.database)
    await until(True)
    await town.browse("van-hanh")
    assert (await town.post("/registration/partners/thue/revoke")).status_code == 303
    await until(False)
    assert (await town.post("/registration/partners/thue/admit")).status_code == 200
    await until(True)


async def test_nobody_gets_wide_or_empty_rights_by_leaving_a_choice_out(town: Town) -> None:
    await town.browse("van-hanh")
    form = {"client": "thue", "title": "Cục Thuế", "unit": "dinh-danh:H35.34", "types": "inbound.indicator.observed.v1"}
    no_kind = await town.post("/registration/partners", **form, indicators="giai-ngan")
    assert (no_kind.status_code, "Chưa chọn loại đơn vị." in no_kind.text) == (422, True)
    no_indicator = await town.post("/registration/partners", **form, kinds="commune")
    assert (no_indicator.status_code, "Chọn ít nhất một chỉ tiêu" in no_indicator.text) == (422, True)
    without = form | {"types": "inbound.work.progressed.v1", "kinds": "commune"}
    assert (await town.post("/registration/partners", **without)).status_code == 200


async def test_the_list_shows_to_which_units_a_system_is_held_and_that_it_must_sign(town: Town) -> None:
    key = base64.b64encode(bytes(32)).decode()
    await register(town.service.database, replace(TAXES, units=(TREASURY,)), Terms(signing_keys=(key,)))
    await town.browse("van-hanh")
    page = (await town.client.get("/registration/partners")).text
    async with town.service.database.read() as session:
        name = (await units.known(session, str(await units.resolve(session, "dinh-danh", "H35.34", REGISTERING.date())), REGISTERING.date())).name
    row = page.partition("<code>thue</code>")[2].partition("</tr>")[0]
    assert name in row.partition("Chỉ:")[2].partition("</td>")[0]
    assert "chỉ nhận sự kiện được ký" in row


async def test_to_shut_a_system_out_takes_a_second_deliberate_step(town: Town) -> None:
    await register(town.service.database)
    await town.browse("van-hanh")
    page = (await town.client.get("/registration/partners")).text
    inside = re.findall(r"<details.*?</details>", page, re.DOTALL)
    assert any('action="/registration/partners/thue/revoke"' in one and "hết hiệu lực ngay" in one for one in inside)
    assert "/revoke" not in re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)


def test_every_example_in_the_help_of_partners_can_be_read_and_names_what_it_grants(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["partners", "add", "--help"])
    words = shlex.split(capsys.readouterr().out.partition("Example: thidua ")[2].replace("\n", " "))
    assert {"--indicator", "--kind"} <= set(words)


async def test_who_is_no_operator_sees_the_systems_and_changes_nothing(town: Town) -> None:
    await town.browse("hoi-dong.thu-ky")
    page = await town.client.get("/registration/partners")
    assert page.status_code == 200
    assert "rotate" not in page.text
    assert (await town.client.get("/registration/partners/kho-bac/change")).status_code == 403
    for path in (*(f"/registration/partners/kho-bac/{verb}" for verb in ("rotate", "revoke", "admit", "change")), "/registration/partners"):
        answer = await town.post(path, client="x", title="x", unit="dinh-danh:H35.34", types="inbound.indicator.observed.v1")
        assert answer.status_code == 403


def test_the_command_registers_lists_rotates_revokes_and_exports(tmp_path: Path, capsys) -> None:
    at = ["--data", str(tmp_path / "data")]

    def run(*arguments: str) -> str:
        capsys.readouterr()
        assert main(list(arguments)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    run("load", "deploy/campaigns/lai-chau-2023", *at)
    added = json.loads(run("partners", *at, "add", "thue", "--title", "Cục Thuế", "--unit", "dinh-danh:H35.34", "--indicator", "giai-ngan", "--quota", "50"))
    assert set(added) == {"client", "key", "api_key", "nkey_seed", "nkey"}
    rotated = json.loads(run("partners", *at, "rotate", "thue", "--overlap", "1"))
    listed = {row["client"]: row for row in map(json.loads, run("partners", *at, "list").splitlines())}
    assert [key["nkey"] for key in listed["thue"]["keys"]] == [added["nkey"], rotated["nkey"]]
    assert listed["kho-bac"]["keys"] == []
    [registered] = listed["thue"]["registered"]
    assert registered["unit"] == "dinh-danh:H35.34"
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
    assert main(["partners", *at, "rotate", "thue"]) == 1
    again = json.loads(run("partners", *at, "admit", "thue"))
    key = base64.b64encode(bytes(32)).decode()
    only = ("--only", "dinh-danh:H35.34", "--kind", "commune", "--indicator", "giai-ngan", "--type", "inbound.report.submitted.v1")
    changed = json.loads(run("partners", *at, "change", "thue", "--quota", "70", "--signing-key", key, "--title", "Thuế", *only))
    assert (changed["quota"], changed["signing_keys"], changed["keys"][0]["nkey"]) == (70, [key], again["nkey"])
    [scope] = changed["registered"]
    assert scope["units"] == ["dinh-danh:H35.34"]
    assert (scope["title"], scope["types"], scope["kinds"], len(scope["units"])) == ("Thuế", ["inbound.report.submitted.v1"], ["commune"], 1)
    back = json.loads(run("partners", *at, "change", "thue", "--unsigned", "--everywhere"))
    assert (back["quota"], back["signing_keys"], back["registered"][0]["units"]) == (70, [], [])
    assert main(["partners", *at, "change", "kho-bac", "--title", "x"]) == 1
    assert json.loads(run("partners", *at, "change", "kho-bac"))["quota"] is None
    assert main(["partners", *at, "change", "kho-bac", "--quota", "0"]) == 1
    assert json.loads(run("partners", *at, "change", "kho-bac", "--quota", "120"))["quota"] == 120
    assert main(["partners", *at, "rotate", "nobody"]) == 1
