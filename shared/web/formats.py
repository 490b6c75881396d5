"""How numbers, days, instants and lists of names are written for people. Vietnamese writing by default, English where asked."""

import unicodedata
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import partial
from typing import Any

from shared.clock import LOCAL

NOTHING = "–"
"""Stands for a value that is not known: null is not zero."""
PRECISION = 60
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Number = Decimal | int | float | None


def number(value: Number, decimals: int | None = None, lang: str = "vi") -> str:
    """`value` with grouped thousands; rounded half up to `decimals`, or with all its digits when that is None.

    >>> number(Decimal("1234.50")), number(Decimal("1234.56"), 1), number(Decimal("1234.5"), lang="en")
    ('1.234,5', '1.234,6', '1,234.5')
    """
    if value is None:
        return NOTHING
    text = format(_rounded(Decimal(str(value)), decimals), ",f")
    return text if lang == "en" else text.translate(str.maketrans(",.", ".,"))


def _rounded(value: Decimal, decimals: int | None) -> Decimal:
    with localcontext(prec=PRECISION):
        if decimals is not None:
            found = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
        else:
            found = value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()
    return abs(found) if found.is_zero() else found


def signed(value: Number, decimals: int | None = None, lang: str = "vi") -> str:
    """A change, always with its sign: "+3,5", "-2", "0"."""
    text = number(value, decimals, lang)
    return f"+{text}" if value is not None and _rounded(Decimal(str(value)), decimals) > 0 else text


def percent(value: Number, decimals: int | None = 1, lang: str = "vi") -> str:
    """`value` is already in percent: 52.43 is "52,4%"."""
    return NOTHING if value is None else f"{number(value, decimals, lang)}%"


def money(millions: Number, lang: str = "vi") -> str:
    """An amount in million đồng, in tỷ from 1,000 million on: "350 triệu đồng", "1.542 tỷ đồng"."""
    if millions is None:
        return NOTHING
    exact = Decimal(str(millions))
    large = abs(exact) >= 1000
    short = _rounded(exact / 1000 if large else exact, 2)
    words = {"vi": ("triệu đồng", "tỷ đồng"), "en": ("million dong", "billion dong")}
    return f"{number(short, lang=lang)} {words['en' if lang == 'en' else 'vi'][large]}"


def day(value: date | None, lang: str = "vi") -> str:
    """A day; of an instant, the day in Lai Châu: "30/10/2023" (in English "30 Oct 2023", which nobody reads as month first)."""
    if value is None:
        return NOTHING
    here = value.astimezone(LOCAL).date() if isinstance(value, datetime) else value
    return f"{here.day} {MONTHS[here.month - 1]} {here.year}" if lang == "en" else f"{here:%d/%m/}{here.year:04}"


def moment(value: datetime | None, lang: str = "vi") -> str:
    """An instant by the clock of Lai Châu: "17:00 ngày 30/10/2023", in English "17:00, 30 Oct 2023"."""
    if value is None:
        return NOTHING
    here = value.astimezone(LOCAL)
    return f"{here:%H:%M}, {day(here, lang)}" if lang == "en" else f"{here:%H:%M} ngày {day(here)}"


def clock(value: datetime | None, lang: str = "vi") -> str:
    """An instant to the second, for operators: "17:00:05 30/10/2023"."""
    return NOTHING if value is None else f"{value.astimezone(LOCAL):%H:%M:%S} {day(value, lang)}"


UNITS = {"vi": (" ngày", " giờ", " phút", " giây"), "en": (" d", " h", " min", " s")}
LENGTHS = (86_400, 3_600, 60, 1)


def duration(value: timedelta | float | None, lang: str = "vi") -> str:
    """A length of time in its two largest units, rounded down: "3 ngày 4 giờ", "12 giây". A number counts seconds."""
    if value is None:
        return NOTHING
    rest = int(abs(value.total_seconds() if isinstance(value, timedelta) else value))
    parts = []
    for length, name in zip(LENGTHS, UNITS["en" if lang == "en" else "vi"], strict=True):
        count, rest = divmod(rest, length)
        parts.append(f"{count}{name}" if count else "")
    first = next((i for i, part in enumerate(parts) if part), len(parts) - 1)
    return " ".join(part for part in parts[first : first + 2] if part) or f"0{UNITS['en' if lang == 'en' else 'vi'][-1]}"


def time_left(value: timedelta, lang: str = "vi") -> str:
    """What a deadline leaves: "còn 3 ngày 4 giờ", or "quá hạn 2 giờ" once it has passed."""
    late = value < timedelta(0)
    words = {"vi": ("còn {0}", "quá hạn {0}"), "en": ("{0} left", "{0} overdue")}
    return words["en" if lang == "en" else "vi"][late].format(duration(value, lang))


ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}
_LETTERS = {letter: place for place, letter in enumerate(ALPHABET)}
SortKey = tuple[tuple[tuple[int, int], ...], tuple[int, ...], tuple[bool, ...], str]


def sort_key(text: str) -> SortKey:
    """Vietnamese order, as the Unicode collation for `vi` has it: letters first (a ă â b c d đ e ê … o ô ơ … u ư …), over the whole
    text; among equals the tones, ngang - huyền - hỏi - ngã - sắc - nặng; then small before capital. A run of digits counts as a number.

    >>> sorted(["Điện", "Dân", "Ăn", "An", "Ấn", "Tổ 10", "Tổ 2"], key=sort_key)
    ['An', 'Ăn', 'Ấn', 'Dân', 'Điện', 'Tổ 2', 'Tổ 10']
    """
    letters: list[str] = []
    tones: list[int] = []
    for char in unicodedata.normalize("NFD", text):
        if char in TONES and letters:
            tones[-1] = TONES[char]
        elif unicodedata.combining(char) and letters:
            letters[-1] = unicodedata.normalize("NFC", letters[-1] + char)
        else:
            letters.append(char)
            tones.append(0)
    return _places(letters), tuple(tones), tuple(letter.isupper() for letter in letters), text


def _places(letters: list[str]) -> tuple[tuple[int, int], ...]:
    """Per letter (class, place): punctuation, numbers, Vietnamese letters, other writing."""
    found: list[tuple[int, int]] = []
    in_number = False
    for letter in letters:
        if letter.isdecimal():
            before = found.pop()[1] if in_number else 0
            found.append((1, before * 10 + int(letter)))
        else:
            place = _LETTERS.get(letter.lower())
            other = 3 if letter.isalpha() else 0
            found.append((other, ord(letter[0])) if place is None else (2, place))
        in_number = letter.isdecimal()
    return tuple(found)


def person_key(name: str) -> tuple[SortKey, SortKey, SortKey]:
    """Order of people: by given name (the last word), then middle names, then family name."""
    words = name.split() or [""]
    return sort_key(words[-1]), sort_key(" ".join(words[1:-1])), sort_key(words[0])


def filters(lang: str) -> dict[str, Callable[..., Any]]:
    """The template filters of one language."""
    spoken = (number, signed, percent, money, day, moment, clock, duration, time_left)
    return {f.__name__: partial(f, lang=lang) for f in spoken} | {
        "vietnamese": lambda items, of=None: sorted(items, key=lambda item: sort_key(of(item) if of else str(item))),
    }


FILTERS = filters("vi")
"""The filters where no reader is known, for example in letters."""
