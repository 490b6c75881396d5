"""Types of columns that are the same in both databases: instants as sortable text, exact decimals as text."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.types import String, TypeDecorator
from typing_extensions import override


class Instant(TypeDecorator[datetime]):
    """An instant in UTC, kept as sortable text of fixed width, the same in both databases; naive datetimes are refused."""

    impl = String(27)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """An instant -> 2023-10-30T10:00:00.000000Z."""
        return _written_instant(value)

    @override
    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:
        """The same without a detour: every row passes here, several times."""
        return _written_instant

    @override
    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """Text -> datetime in UTC."""
        return _read_instant


def _written_instant(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return value.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def _read_instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


class Exact(TypeDecorator[Decimal]):
    """An exact decimal, kept as text: no database rounds it."""

    impl = String(64)
    cache_ok = True

    @override
    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> str | None:
        """Decimal -> plain text without exponent."""
        return _written_exact(value)

    @override
    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:
        """The same without a detour."""
        return _written_exact

    @override
    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Decimal | None]:
        """Text -> Decimal."""
        return _read_exact


def _written_exact(value: Decimal | int | None) -> str | None:
    return None if value is None else format(Decimal(value), "f")


def _read_exact(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def Ordered(length: int) -> String:  # noqa: N802 - stands where a column type stands
    """Text that both databases sort alike, by code point, whatever the language of the server."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")
