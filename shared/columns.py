"""What is the same in both databases: instants as sortable text, exact decimals as text, and a column among many values."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Integer,
    bindparam,
    func,
    literal_column,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import String, TypeDecorator, TypeEngine
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


class _Values(TypeDecorator[Sequence[Any]]):
    """Many values as one parameter: an array on PostgreSQL, JSON text on SQLite."""

    impl = String()
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """As the dialect takes it."""
        return dialect.type_descriptor(ARRAY(self.item) if dialect.name == "postgresql" else String())

    @override
    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Values -> parameter."""
        return list if dialect.name == "postgresql" else _json_array


def _json_array(values: Iterable[Any]) -> str:
    return orjson.dumps(list(values)).decode()


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    @override
    def self_group(self, against: Any = None) -> Any:
        """A condition as it is: compared with 1, as databases without booleans are served, it would find no index."""
        return self


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """True where `column` is one of the values of the parameter `name`, a list of texts or whole numbers, also of none.

    The statement's text is the same for any number of values, so that a database parses and plans it once: with a list in the text
    PostgreSQL did so for every new length, some milliseconds each.
    """
    return _Among(column, bindparam(name, type_=_Values(_item_of(column))))


def one_of(column: ColumnElement[Any] | InstrumentedAttribute[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """`among` with its values, however many: a list in the text may have no more than 32,767 on PostgreSQL, and a province has more units."""
    return _Among(column, bindparam("values", values, type_=_Values(_item_of(column)), unique=True))


def _item_of(column: ColumnElement[Any] | InstrumentedAttribute[Any]) -> TypeEngine[Any]:
    return BigInteger() if isinstance(column.type, Integer) else String()


@compiles(_Among, "postgresql")
def _any_of_array(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(_Among, "sqlite")
def _in_json(element: _Among, compiler: Any, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - a column of ours and a parameter


def end_of_trace(traceparent: Column[Any]) -> ColumnElement[str]:
    """The last twelve digits of the trace in a W3C traceparent, as indexes have them: short, and random whoever made the trace.

    The numbers stand in the text: an index of an expression serves no query that brings them as parameters.
    """
    return func.substr(traceparent, literal_column("24"), literal_column("12"))
