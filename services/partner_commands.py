"""`thidua partners …`: let other systems in, change their keys, shut them out, and tell the broker. Results are JSON; secrets appear once."""

import argparse
import json
import sys
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server

from services import partner_access
from services.databases import Command, on_tables, whole
from services.local import COMMAND_LINE, database_of
from services.registration import campaigns, partner_keys, partners
from services.registration.partner_keys import Terms
from services.registration.partners import PartnerForm
from services.signals import lasting
from shared import broker_keys, permissions, security, telemetry
from shared.database import ReadSession
from shared.events.campaign import UnitKind
from shared.events.contract import inbound_types
from shared.events.reporting import IndicatorObserved, UnitRef
from shared.settings import Settings, SettingsRefused


def declare(verb: argparse.ArgumentParser) -> None:
    """The arguments of `thidua partners`."""
    actions = verb.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, does: str, example: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=does, description=does, epilog=f"Example: thidua partners {example}")
        made.add_argument("--data", type=Path, default=argparse.SUPPRESS, help="data folder (THIDUA_DATA)")
        return made

    _declare_add(action("add", "Register a system and print its secrets, once.", "add thue --title 'Cục Thuế' --unit dinh-danh:H35.34 --indicator thu-ngan-sach --kind commune"))
    action("list", "The systems, their keys and whether they are shut out.", "list")
    rotate = action("rotate", "New keys; the old ones hold for a while yet.", "rotate kho-bac --overlap 24")
    rotate.add_argument("client")
    rotate.add_argument("--overlap", type=float, default=partner_keys.OVERLAP / timedelta(hours=1), metavar="HOURS", help="default: a week")
    admit = action("admit", "Let a system that was shut out in again, on its terms, and print its new secrets.", "admit kho-bac")
    admit.add_argument("client")
    _declare_change(action("change", "Change what a system may say, or its terms; what is not named stays.", "change kho-bac --quota 1200"))
    revoke = action("revoke", "Shut a system out, at once.", "revoke kho-bac")
    revoke.add_argument("client")
    keys = action("keys", "Make the NATS keys of the services and the operator where they are missing.", "keys /etc/thidua/keys")
    keys.add_argument("folder", type=Path)
    export = action("export", "Print the broker's accounts, an include file of nats-server.", "export --keys DIR --to accounts.conf --reload")
    export.add_argument("--keys", type=Path, metavar="DIR", help="where `thidua partners keys` put the public keys (THIDUA_BROKER_KEYS)")
    export.add_argument("--to", type=Path, metavar="FILE", help="write it here, whole or not at all (THIDUA_BROKER_ACCOUNTS)")
    export.add_argument("--reload", action="store_true", help="have the running broker read it; nobody is disconnected but who was shut out")
    export.add_argument("--watch", action="store_true", help="for ever: write and reload whenever the table changed, and make partners' streams and places")
    export.add_argument("--metrics", type=int, metavar="PORT", help="with --watch: tell Prometheus there whether the broker is up to the table")


def _declare_add(add: argparse.ArgumentParser) -> None:
    add.add_argument("client", help="its name in subjects: small letters, digits, hyphens")
    add.add_argument("--title", required=True)
    add.add_argument("--unit", required=True, type=_unit, help="the unit that answers for it, as scheme:value")
    add.add_argument("--campaign", help="default: the newest")
    _declare_scope(add)


def _declare_change(change: argparse.ArgumentParser) -> None:
    change.add_argument("client")
    change.add_argument("--title")
    change.add_argument("--unit", type=_unit, help="the unit that answers for it, as scheme:value")
    change.add_argument("--campaign", help="default: the newest")
    _declare_scope(change)
    change.add_argument("--unsigned", dest="signing_key", action="store_const", const=[], help="take events without a signature again")
    change.add_argument("--everywhere", dest="only", action="store_const", const=[], help="about units of every branch again")


def _declare_scope(verb: argparse.ArgumentParser) -> None:
    """What may be named more than once replaces the whole list. None: not named."""
    verb.add_argument("--type", action="append", choices=inbound_types(), help=f"what it may say (first: {IndicatorObserved.TYPE})")
    verb.add_argument("--indicator", action="append")
    verb.add_argument("--kind", action="append", type=UnitKind, choices=list(UnitKind), metavar="KIND", help="kinds of unit (first: all)")
    verb.add_argument("--only", action="append", type=_unit, metavar="UNIT", help="only this unit and those below it")
    verb.add_argument("--quota", type=int, help=f"events a minute (first: {partner_keys.QUOTA})")
    verb.add_argument("--contact", help="whom to call")
    verb.add_argument("--signing-key", action="append", metavar="BASE64", help="accept only what this Ed25519 key signed")


def _unit(text: str) -> UnitRef:
    scheme, _, value = text.partition(":")
    if not value:
        raise argparse.ArgumentTypeError("write scheme:value, for example dinh-danh:H35.34")
    return UnitRef(scheme=scheme, value=value)


async def run(given: argparse.Namespace, settings: Settings) -> int:
    """One of the actions."""
    return await ACTIONS[given.action](given, settings)


@on_tables("registration")
async def add(given: argparse.Namespace, settings: Settings) -> int:
    """Register and admit."""
    now = security.wall_now()
    form, terms = _scoped(PartnerForm(given.client, given.title, given.unit), given), _agreed(Terms(), given)
    async with database_of(settings, "registration") as database, database.write() as session:
        campaign = await campaigns.chosen(session, given.campaign)
        await partners.register(session, campaign, form, now)
        made = await partner_keys.admit(session, COMMAND_LINE, given.client, terms, now)
    print(json.dumps(made._asdict()))
    return 0


@on_tables("registration")
async def change(given: argparse.Namespace, settings: Settings) -> int:
    """Other scope or terms."""
    now = security.wall_now()
    async with database_of(settings, "registration") as database, database.write() as session:
        campaign = await campaigns.chosen(session, given.campaign)
        row = await partners.find(session, campaign, given.client)
        await partners.change(session, COMMAND_LINE, campaign, _scoped(partners.form_of(row), given), now)
        door = (await partner_keys.admissions(session)).get(given.client)
        await partner_keys.change(session, COMMAND_LINE, given.client, _agreed(partner_keys.terms_of(door) if door else Terms(), given), now)
    return await show(given, settings)


def _scoped(form: PartnerForm, given: argparse.Namespace) -> PartnerForm:
    named = {
        "title": given.title, "unit": given.unit, "types": given.type, "indicators": given.indicator, "kinds": given.kind, "units": given.only
    }
    wanted: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in named.items() if value is not None}
    return replace(form, **wanted)


def _agreed(terms: Terms, given: argparse.Namespace) -> Terms:
    keys = terms.signing_keys if given.signing_key is None else tuple(given.signing_key)
    quota = terms.quota if given.quota is None else given.quota
    return Terms(quota, terms.contact if given.contact is None else given.contact, keys)


@on_tables("registration")
async def show(given: argparse.Namespace, settings: Settings) -> int:
    """All systems, or the one that is named, a JSON object a line."""
    now, wanted = security.wall_now(), getattr(given, "client", None)
    async with database_of(settings, "registration") as database, database.read() as session:
        admitted = await partner_keys.admissions(session)
        for client in [wanted] if wanted else await partners.clients(session):
            row = admitted.get(client)
            keys = await partner_keys.holding(session, client, now)
            print(json.dumps({
                "client": client, "revoked": bool(row and row.revoked_at), "quota": row.quota if row else None, "contact": row.contact if row else "",
                "signing_keys": row.signing_keys if row else [], "registered": await _registrations(session, client),
                "keys": [{"key": k.key, "nkey": k.nkey, "expires_at": k.expires_at.isoformat() if k.expires_at else None} for k in keys],
            }, ensure_ascii=False))  # fmt: skip
    return 0


async def _registrations(session: ReadSession, client: str) -> list[dict[str, object]]:
    return [
        {"campaign": row.campaign, "active": row.active, "revision": row.revision} | asdict(await partners.described(session, row))
        for row in await partners.of_client(session, client)
    ]


@on_tables("registration")
async def rotate(given: argparse.Namespace, settings: Settings) -> int:
    """New keys."""
    async with database_of(settings, "registration") as database, database.write() as session:
        made = await partner_keys.rotate(session, COMMAND_LINE, given.client, timedelta(hours=given.overlap), security.wall_now())
    print(json.dumps(made._asdict()))
    return 0


@on_tables("registration")
async def admit(given: argparse.Namespace, settings: Settings) -> int:
    """In again."""
    async with database_of(settings, "registration") as database, database.write() as session:
        made = await partner_keys.admit(session, COMMAND_LINE, given.client, None, security.wall_now())
    print(json.dumps(made._asdict()))
    return 0


@on_tables("registration")
async def revoke(given: argparse.Namespace, settings: Settings) -> int:
    """Shut out."""
    async with database_of(settings, "registration") as database, database.write() as session:
        await partner_keys.revoke(session, COMMAND_LINE, given.client, security.wall_now())
    print(f"{given.client}: shut out; where no `thidua partners export --watch` runs, --reload ends its connections to the broker", file=sys.stderr)
    return 0


async def keys(given: argparse.Namespace, _: Settings) -> int:
    """The broker keys of our own."""
    made = broker_keys.make(given.folder, permissions.USERS)
    print(f"made: {', '.join(made)}" if made else "nothing to make")
    return 0


async def export(given: argparse.Namespace, settings: Settings) -> int:
    """The broker's accounts."""
    ring = partner_access.keyring(settings, given.keys, given.to)
    if given.watch:
        if ring.accounts is None:
            raise SettingsRefused("THIDUA_BROKER_ACCOUNTS: name the broker's include file, here or by --to.")
        registry = CollectorRegistry()
        current = telemetry.broker_accounts(registry).labels(str(ring.accounts))
        if given.metrics:
            start_http_server(given.metrics, registry=registry)
        with lasting():
            await partner_access.watch(settings, ring, current.set)
        return 0
    await whole(settings, "registration", patience=0)
    async with database_of(settings, "registration") as database:
        text = await partner_access.text(database, ring.keys)
    if ring.accounts is None:
        print(text)
        return 0
    partner_access.write(ring.accounts, text)
    if given.reload:
        await partner_access.reload(settings, ring.keys)
    return 0


ACTIONS: dict[str, Command] = {
    "add": add, "list": show, "rotate": rotate, "admit": admit, "change": change, "revoke": revoke, "keys": keys, "export": export,
}  # fmt: skip
