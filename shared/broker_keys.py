"""The keys by which the services and the operator sign in at the broker: a seed that stays with its holder, a public half for the accounts."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

import nkeys

from shared.messages import Refused

SEED_BYTES = 32


def new_seed() -> tuple[str, str]:
    """A new user's seed and public key."""
    seed = nkeys.encode_seed(secrets.token_bytes(SEED_BYTES), nkeys.PREFIX_BYTE_USER)
    return seed.decode(), nkeys.from_seed(bytearray(seed)).public_key.decode()


def make(folder: Path, users: Iterable[str]) -> list[str]:
    """Make `<user>.seed` (for its holder's eyes) and `<user>.pub` where they are missing; returns the names of users that got some."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [user for user in users if not (folder / f"{user}.pub").exists()]
    for user in missing:
        seed, public = new_seed()
        with os.fdopen(os.open(folder / f"{user}.seed", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(seed + "\n")
        (folder / f"{user}.pub").write_text(public + "\n", encoding="ascii")
    return missing


def public_keys(folder: Path, users: Iterable[str]) -> dict[str, str]:
    """The public keys of all users. Raises `Refused` when one is missing."""
    try:
        return {user: (folder / f"{user}.pub").read_text(encoding="ascii").strip() for user in users}
    except OSError as error:
        raise Refused.because("Không đọc được {path}: hãy chạy thidua partners keys {folder}.", path=error.filename, folder=folder) from None


def seed_of(folder: Path, user: str) -> str:
    """A user's seed. Raises `Refused` when it is not here."""
    try:
        return (folder / f"{user}.seed").read_text(encoding="ascii").strip()
    except OSError as error:
        raise Refused.because("Không đọc được {path}: hãy chạy thidua partners keys {folder}.", path=error.filename, folder=folder) from None
