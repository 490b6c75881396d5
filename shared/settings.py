"""Settings from `THIDUA_*` environment variables; a secret may come from a file named by `THIDUA_<NAME>_FILE`."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import nkeys
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

SERVICES = ("registration", "reporting", "evaluation", "notification")
PREFIX = "THIDUA_"
BROKERS = ("nats://", "tls://", "ws://", "wss://")
MAY_BE_EMPTY = {"smtp_url"}
"""Of secrets by file: empty, as deploy/init makes it, it means that no mail is sent. Any other that is empty is one that nobody filled."""
DATABASES = ("postgresql://", "postgres://", "postgresql+asyncpg://", "sqlite+aiosqlite://")


class SettingsRefused(Exception):
    """A setting is wrong; the text is one sentence that names the setting and the cure."""


class Settings(BaseModel):
    """Everything that differs between deployments. Each field is documented here once; the README's table is made from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(default=Path("data"), description="Folder for SQLite files, the bundled broker's streams and keys.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; the demo takes the next free one if it is taken.")
    nats_url: str = Field(default="", description="Broker address, or those of a cluster's nodes with commas between; empty starts the bundled nats-server.")
    nats_seed: SecretStr | None = Field(
        default=None, description="Seed of this process's NATS key, where the broker asks for one; `thidua partners keys` makes them."
    )
    broker_keys: Path | None = Field(
        default=None, description="Folder of the NATS keys that `thidua partners keys` makes; needed by `thidua partners export` alone."
    )
    broker_accounts: Path | None = Field(
        default=None,
        description="The broker's include file of accounts, where other systems are connected: `thidua partners export --watch` keeps it equal to the "
        "partners' table, registration and `thidua doctor` look whether it is.",
    )
    nats_monitor_url: str = Field(
        default="",
        description="Monitoring address of each server of the broker named above, separated by commas, for example http://broker:8222; "
        "there a service reads, before it starts, that acknowledged means written to disk.",
    )
    database_url: str = Field(
        default="", description="PostgreSQL address, one schema per service; empty means one SQLite file per service."
    )
    registration_database_url: str = Field(default="", description="Overrides the database address for registration.")
    reporting_database_url: str = Field(default="", description="Overrides the database address for reporting.")
    evaluation_database_url: str = Field(default="", description="Overrides the database address for evaluation.")
    notification_database_url: str = Field(default="", description="Overrides the database address for notification.")
    signing_key: SecretStr | None = Field(
        default=None, description="Ed25519 private key (PEM) that signs sessions; made in the data folder if absent."
    )
    smtp_url: str = Field(default="", description="Mail server, smtp://host:port or smtps://user:password@host; empty sends no mail.")
    mail_from: str = Field(default="thidua@laichau.example", description="Sender of letters.")
    public_url: str = Field(default="", description="Address by which people reach the pages, for links in letters.")
    public_nats_url: str = Field(
        default="", description="Address by which other systems reach the broker, for their guide; empty shows THIDUA_NATS_URL without name and password."
    )
    otlp_endpoint: str = Field(default="", description="OTLP/HTTP collector for traces, for example http://127.0.0.1:4318; empty sends none.")
    trace_page: str = Field(default="", description="Address of a trace page with {trace_id}, linked from events.")
    backups: Path | None = Field(
        default=None, description="Folder for backups; there registration and `thidua doctor` see how old the newest is."
    )
    clock: Literal["real", "simulated"] = Field(default="real", description="Whether time is the wall's or the player's.")
    replicas: int = Field(default=1, ge=1, le=5, description="Copies of each JetStream stream (3 on a cluster).")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged.")

    @field_validator("database_url", *(f"{service}_database_url" for service in SERVICES))
    @classmethod
    def _names_a_database(cls, value: str) -> str:
        if value and not (value.startswith(DATABASES) and _is_an_address(value)):
            raise ValueError("write postgresql://user:password@host/database")
        if re.search(r"[?&]ssl(mode)?=", value):
            raise ValueError("write no ssl or sslmode into it: for TLS set PGSSLMODE, and PGSSLROOTCERT for an authority of your own")
        return value

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        if not re.fullmatch(r"[\w.-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%\w+)?", value):
            raise ValueError("write an address or name of this machine, without a port, for example 0.0.0.0")
        return value

    @field_validator("nats_monitor_url")
    @classmethod
    def _names_pages(cls, value: str) -> str:
        for one in filter(None, map(str.strip, value.split(","))):
            if not _is_of_the_web(one):
                raise ValueError("write http://host:8222, one for each server, with commas between")
        return value

    @field_validator("mail_from")
    @classmethod
    def _is_a_sender(cls, value: str) -> str:
        name, _, domain = value.partition("@")
        if not (name and domain and value.isascii()) or re.search(r"[\s<>@]", name + domain):
            raise ValueError("write an e-mail address alone, for example thidua@laichau.example")
        return value

    @field_validator("nats_url", "public_nats_url")
    @classmethod
    def _names_brokers(cls, value: str) -> str:
        for one in filter(None, map(str.strip, value.split(","))):
            address = one if "://" in one else f"nats://{one}"
            if not (address.startswith(BROKERS) and _is_an_address(address) and urlsplit(address).hostname):
                raise ValueError("write nats://host:4222, or several with commas between")
        return value

    @field_validator("nats_seed")
    @classmethod
    def _is_a_seed(cls, value: SecretStr | None) -> SecretStr | None:
        try:
            if value and value.get_secret_value():
                nkeys.from_seed(bytearray(value.get_secret_value().encode()))
        except (nkeys.NkeysError, ValueError):
            raise ValueError("write the seed of a user as `thidua partners keys` made it, it begins with SU") from None
        return value

    @field_validator("public_url", "otlp_endpoint", "trace_page")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        if value and not _is_of_the_web(value):
            raise ValueError("write an address that begins with http:// or https:// and names a host")
        return value

    @field_validator("trace_page")
    @classmethod
    def _has_a_place_for_the_trace(cls, value: str) -> str:
        if value and "{trace_id}" not in value:
            raise ValueError("write {trace_id} where the trace's id belongs")
        return value

    @property
    def simulated(self) -> bool:
        """True when the player, not the wall, says what time it is."""
        return self.clock == "simulated"

    def database_of(self, service: str) -> str:
        """The SQLAlchemy address of a service's database."""
        url: str = getattr(self, f"{service}_database_url") or self.database_url
        if not url:
            return f"sqlite+aiosqlite:///{self.data.absolute() / (service + '.sqlite')}"
        return url.replace("postgresql://", "postgresql+asyncpg://", 1).replace("postgres://", "postgresql+asyncpg://", 1)

    def database_setting_of(self, service: str) -> str:
        """The name of the setting that names a service's database, or would."""
        return f"{PREFIX}{service.upper()}_DATABASE_URL" if getattr(self, f"{service}_database_url") else f"{PREFIX}DATABASE_URL"


def _is_an_address(value: str) -> bool:
    """Whether host and port can be read."""
    try:
        return urlsplit(value).port != 0
    except ValueError:
        return False


def _is_of_the_web(value: str) -> bool:
    return value.startswith(("http://", "https://")) and _is_an_address(value) and bool(urlsplit(value).hostname)


def _value_of(name: str, environ: Mapping[str, str]) -> str | None:
    variable = PREFIX + name.upper()
    if path := environ.get(f"{variable}_FILE"):
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no text"
            raise SettingsRefused(f"{variable}_FILE: cannot read {path} ({reason}); name a readable file.") from None
        if not text and name not in MAY_BE_EMPTY:
            raise SettingsRefused(f"{variable}_FILE: {path} is empty; write the value into it, or leave the setting away.")
        return text
    return environ.get(variable) or None


def load(environ: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    """Read the settings; an empty variable counts as none, and `overrides` win. Raises `SettingsRefused` that names the setting and the cure."""
    values = {name: value for name in Settings.model_fields if (value := _value_of(name, environ)) is not None}
    try:
        return Settings.model_validate(values | overrides)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsRefused(f"{PREFIX}{str(first['loc'][0]).upper()}: {first['msg'].removeprefix('Value error, ')}.") from None


def table(settings: type[BaseModel] = Settings) -> str:
    """Every setting with its default and meaning as a Markdown table, as the README shows it."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in settings.model_fields.items():
        default = "" if field.default in {"", None} else f"`{field.default}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)
