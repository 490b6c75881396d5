"""Who may say and hear what on the broker, generated from the contracts' audience, what services hear, and the partners' table.

The services share one account; each partner has an account of its own, into which only what is exported to it can come.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared import streams
from shared.events import REGISTRY
from shared.events.asyncapi import subjects_for
from shared.events.clock import MinuteTicked
from shared.inbox import Hears
from shared.settings import SERVICES

ACCOUNT = "THIDUA"
SYSTEM_ACCOUNT = "SYS"
OPERATOR = "operator"
"""The user of the commands that make streams and read everything; its key also reloads the broker, as user `system`."""
SYSTEM = "system"
USERS = (OPERATOR, SYSTEM, *SERVICES)
DOMAIN = "thidua"
"""Partners reach JetStream by this domain name: the plain prefix would mean an account's own JetStream, and theirs have none."""
API = "$JS.API"
_HOLDER = re.compile(r"^ *\{ nkey: (\w+)\b.*\}  # (\S+)$", re.MULTILINE)
PARTNER_API = f"$JS.{DOMAIN}.API"


@dataclass(frozen=True)
class User:
    """Somebody on the broker: by which keys, and what may be published and subscribed. None: everything in the account."""

    name: str
    nkeys: tuple[str, ...]
    publish: tuple[str, ...] | None = None
    subscribe: tuple[str, ...] | None = None
    never: tuple[str, ...] = ()
    """Not to be published although `publish` would let it."""


@dataclass(frozen=True)
class Account:
    """A room of the broker: its users, what comes in from the services' account, and under which name if another."""

    name: str
    users: tuple[User, ...]
    services: Mapping[str, str] = field(default_factory=dict)
    """Imported subjects that are asked, each by the name it has inside."""
    streams: tuple[str, ...] = ()
    """Imported subjects that are heard."""


def account_of(client: str) -> str:
    """The name of a partner's account."""
    return f"PARTNER_{client}"


def partner(client: str, nkeys: Sequence[str]) -> Account:
    """A partner's account: it says `inbound.<client>.>`, hears what is meant for it, live or through its durables, and no more."""
    places = streams.partner_durables([client])
    asked = {f"inbound.{client}.>": f"inbound.{client}.>"}
    for place in places:
        for verb in ("MSG.NEXT", "INFO"):
            asked[f"{API}.CONSUMER.{verb}.{place.stream}.{place.service}"] = f"{PARTNER_API}.CONSUMER.{verb}.{place.stream}.{place.service}"
        acknowledged = f"$JS.ACK.{place.stream}.{place.service}.>"
        asked[acknowledged] = acknowledged
    heard = tuple(subjects_for(client))
    user = User(client, tuple(nkeys), tuple(asked.values()), ("_INBOX.>", *heard))
    return Account(account_of(client), (user,), asked, heard)


def service(hears: Hears, nkey: str, clients: Iterable[str]) -> User:
    """A service's user: its own events and ticks, its places in the streams that it hears, and answers in its own inbox.

    One that pages of its own follow live makes passing places in its own stream; those of others there are none of its business.
    """
    own, listed = hears.service.upper(), sorted(clients)
    places = streams.durables([hears], listed)
    never: list[str] = []
    kept = [own, "CLOCK", *(streams.stream_of_client(client) for client in listed if hears.inbound_handler)]
    said = [f"{hears.service}.>", MinuteTicked.TYPE, f"{API}.STREAM.LIST", f"{API}.STREAM.INFO.*"]
    said += [f"{API}.STREAM.CREATE.{stream}" for stream in kept]
    said += [subject for place in places for subject in _at(place.stream, place.service)]
    if hears.live:
        said += [f"{API}.CONSUMER.{verb}.{own}{rest}" for verb, rest in (("CREATE", ""), ("CREATE", ".>"), ("INFO", ".*"), ("DELETE", ".*"))]
        others = [*(name for name in SERVICES if name != hears.service), *map(streams.durable_of_client, listed)]
        never = [f"{API}.CONSUMER.*.{own}.{other}{rest}" for other in others for rest in ("", ".>")]
    if hears.inbound_handler:
        said += [subject for client in listed for subject in (f"inbound.{client}.>", f"{API}.STREAM.PURGE.{streams.stream_of_client(client)}")]
    return User(hears.service, (nkey,), tuple(said), (f"_INBOX_{hears.service}.>",), tuple(never))


def _at(stream: str, durable: str) -> list[str]:
    """What a service may ask of its own place in a stream."""
    verbs = ("CONSUMER.CREATE", "CONSUMER.DURABLE.CREATE", "CONSUMER.INFO", "CONSUMER.MSG.NEXT")
    asked = [f"{API}.{verb}.{stream}.{durable}" for verb in verbs]
    return [*asked, f"{API}.CONSUMER.CREATE.{stream}.{durable}.>", f"$JS.ACK.{stream}.{durable}.>"]


def accounts(hears: Sequence[Hears], own: Mapping[str, str], partners: Mapping[str, Sequence[str]]) -> list[Account]:
    """All accounts. `own` are the public keys of `USERS`, `partners` the keys of each client that hold now.

    One without keys keeps its account, empty: taken out and put in again by reloads, an account reaches nothing of what it imports.
    """
    clients = sorted(partners)
    users = [User(OPERATOR, (own[OPERATOR],)), *(service(h, own[h.service], clients) for h in hears)]
    system = Account(SYSTEM_ACCOUNT, (User(SYSTEM, (own[SYSTEM],)),))
    return [system, Account(ACCOUNT, tuple(users)), *(partner(client, partners[client]) for client in clients)]


def render(listed: Sequence[Account]) -> str:
    """The accounts as an include file of nats-server: `include accounts.conf`, and a reload puts a new one in force."""
    lines = ["# Made by `thidua partners export`. No secrets: public keys only.", "accounts {"]
    for account in listed:
        lines += [f"  {_text(account.name)} {{", *_inside(account, listed), "  }"]
    return "\n".join([*lines, "}", f"system_account: {SYSTEM_ACCOUNT}", ""])


def holders(text: str) -> dict[str, set[str]]:
    """Whose keys an include file holds: public keys by the name of the user, read back from what `render` wrote."""
    found: dict[str, set[str]] = {}
    for nkey, name in _HOLDER.findall(text):
        found.setdefault(name, set()).add(nkey)
    return found


def partners_in(text: str) -> dict[str, set[str]]:
    """The same for partners alone."""
    return {name: nkeys for name, nkeys in holders(text).items() if name not in USERS}


def _inside(account: Account, listed: Sequence[Account]) -> list[str]:
    lines = ["    jetstream: enabled"] if account.name == ACCOUNT else []
    lines += ["    users: [", *(f"      {_user(user, nkey)}" for user in account.users for nkey in user.nkeys), "    ]"]
    if account.name == ACCOUNT:
        lines += ["    exports: [", *(f"      {line}" for line in [*_common(listed), *(line for other in listed for line in _exports(other))]), "    ]"]
    if account.services or account.streams:
        lines += ["    imports: [", *(f"      {line}" for line in _imports(account)), "    ]"]
    return lines


def _user(user: User, nkey: str) -> str:
    if user.publish is None or user.subscribe is None:
        return f"{{ nkey: {nkey} }}  # {user.name}"
    never = f", deny: {_list(user.never)}" if user.never else ""
    allowed = f"publish: {{ allow: {_list(user.publish)}{never} }}, subscribe: {{ allow: {_list(user.subscribe)} }}"
    return f"{{ nkey: {nkey}, permissions: {{ {allowed} }} }}  # {user.name}"


def _common(listed: Iterable[Account]) -> list[str]:
    """What every partner hears is exported once; only accounts that are named here exist."""
    return [f"{{ stream: {_text(name)} }}" for name in sorted({name for account in listed for name in account.streams} & REGISTRY.keys())]


def _exports(account: Account) -> list[str]:
    """What one partner alone may ask and hear."""
    to = f"accounts: [{_text(account.name)}]"
    asked = [f"{{ service: {_text(name)}, response_type: {_answers(name)}, {to} }}" for name in account.services]
    return asked + [f"{{ stream: {_text(name)}, {to} }}" for name in account.streams if name not in REGISTRY]


def _answers(subject: str) -> str:
    """A request for messages is answered by many."""
    return "stream" if ".MSG.NEXT." in subject else "singleton"


def _imports(account: Account) -> list[str]:
    asked = [
        f"{{ service: {{ account: {ACCOUNT}, subject: {_text(name)} }}" + (f", to: {_text(inside)} }}" if inside != name else " }")
        for name, inside in account.services.items()
    ]
    return asked + [f"{{ stream: {{ account: {ACCOUNT}, subject: {_text(name)} }} }}" for name in account.streams]


def _list(subjects: Iterable[str]) -> str:
    return json.dumps(list(subjects))


def _text(name: str) -> str:
    return json.dumps(name)
