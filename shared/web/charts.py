"""Figures drawn on the server as SVG, from one grammar for page and print: bars, stacked bars, bullet, sparkline.

Positions are percentages, so a drawing fills its box without stretching letters; colours are classes of app.css (tones: accent, good,
fair, poor, muted). Every drawing has a title that says in words what it shows; the numbers themselves stand beside it as text.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import Literal, NamedTuple

from markupsafe import Markup, escape

from shared.web.formats import number

Tone = Literal["accent", "good", "fair", "poor", "muted"]
Value = Decimal | int | None
HUNDRED = Decimal(100)
ROW = 18
SPARK_WIDTH, SPARK_HEIGHT = 120, 32


class Bar(NamedTuple):
    """One bar: its name, its length (None: not known, drawn as nothing), the figure as people read it, a tone, a link."""

    label: str
    value: Value
    figure: str
    tone: Tone = "accent"
    href: str = ""


class Part(NamedTuple):
    """One part of a stacked bar; parts of the same name share a tone over all rows."""

    name: str
    value: Value
    tone: Tone


class Stack(NamedTuple):
    """A stacked bar: its name, its parts in order, and a link."""

    label: str
    parts: Sequence[Part]
    href: str = ""


def _percent(value: Decimal | int, most: Decimal | int) -> str:
    """`value` of `most` as a percentage within 0 and 100, two decimals."""
    share = Decimal(value) / Decimal(most) * HUNDRED if most else Decimal(0)
    return f"{max(Decimal(0), min(HUNDRED, share)).quantize(Decimal('0.01'), ROUND_HALF_EVEN)}%"


def _svg(kind: str, title: str, height: int, *content: Markup) -> Markup:
    drawn = Markup('<svg class="{}" role="img" width="100%" height="{}"><title>{}</title>').format(f"chart {kind}", height, title)
    return drawn + Markup().join(content) + Markup("</svg>")


def _rect(x: str, width: str, tone: str, *, y: int = 0, height: int = ROW) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}"/>').format(x, y, width, height, f"tone-{tone}")


def _line(place: str, top: int, bottom: int, tone: str) -> Markup:
    return Markup('<line x1="{0}" x2="{0}" y1="{1}" y2="{2}" class="{3}"/>').format(place, top, bottom, f"line-{tone}")


def _label(label: str, href: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(href, label) if href else escape(label)


def bar(title: str, value: Value, most: Value = 100, tone: Tone = "accent") -> Markup:
    """One bar of `value` out of `most`, for a table's cell beside its figure."""
    track = _rect("0", "100%", "track")
    return _svg("bar", title, ROW, track, *([] if value is None else [_rect("0", _percent(value, most or 100), tone)]))


def bars(title: str, rows: Iterable[Bar], most: Value = None) -> Markup:
    """Horizontal bars under each other, one scale for all (`most`, else the largest value), each with its name and figure as text."""
    listed = list(rows)
    scale = Decimal(most or max((abs(Decimal(row.value or 0)) for row in listed), default=Decimal(1)) or 1)
    drawings = (bar(f"{row.label}: {row.figure}", row.value, scale, row.tone) for row in listed)
    items = (_row(_label(row.label, row.href), drawing, row.figure) for row, drawing in zip(listed, drawings, strict=True))
    return _figure(title, items)


def stacked(title: str, rows: Iterable[Stack], lang: str = "vi") -> Markup:
    """Bars made of parts, each row on its own whole, with a legend that names every tone and gives the sums."""
    listed = list(rows)
    items = (_row(_label(row.label, row.href), _stack(row, lang), number(_total(row.parts), lang=lang)) for row in listed)
    return _figure(title, items, _legend([part for row in listed for part in row.parts], lang))


def _total(parts: Sequence[Part]) -> Decimal:
    return sum((Decimal(part.value or 0) for part in parts), Decimal(0))


def _stack(row: Stack, lang: str) -> Markup:
    total, start, drawn = _total(row.parts), Decimal(0), [_rect("0", "100%", "track")]
    for part in row.parts:
        if part.value:
            drawn.append(_rect(_percent(start, total), _percent(part.value, total), part.tone))
            start += Decimal(part.value)
    told = ", ".join(f"{part.name} {number(part.value or 0, lang=lang)}" for part in row.parts)
    return _svg("bar", f"{row.label}: {told}", ROW, *drawn)


def _legend(parts: Sequence[Part], lang: str) -> Markup:
    sums: dict[tuple[str, str], Decimal] = {}
    for part in parts:
        sums[part.name, part.tone] = sums.get((part.name, part.tone), Decimal(0)) + Decimal(part.value or 0)
    swatch = Markup('<li><svg width="12" height="12" aria-hidden="true"><rect width="12" height="12" class="tone-{}"/></svg> {} ({})</li>')
    return Markup('<ul class="legend">') + Markup().join(swatch.format(t, n, number(s, lang=lang)) for (n, t), s in sums.items()) + Markup("</ul>")


def _row(label: Markup, drawing: Markup, figure: str) -> Markup:
    return Markup('<li><span class="label">{}</span>{}<span class="figure">{}</span></li>').format(label, drawing, figure)


def _figure(title: str, items: Iterable[Markup], legend: Markup = Markup()) -> Markup:
    body = Markup('<ol class="bars">') + Markup().join(items) + Markup("</ol>")
    return Markup('<figure class="figure-bars"><figcaption>{}</figcaption>{}{}</figure>').format(title, legend, body)


def bullet(title: str, value: Value, target: Value, *, baseline: Value = None, projected: Value = None, tone: Tone = "accent") -> Markup:
    """A value against its target (the upright mark); `baseline` is a thin mark, `projected` the paler bar behind. Zero is at the left;
    what lies below zero draws nothing.

    `title` says the same in words, with the units of measure.
    """
    known = [Decimal(v) for v in (value, target, baseline, projected) if v is not None]
    most = max([abs(v) for v in known], default=Decimal(1)) * Decimal("1.1") or Decimal(1)
    drawn = [_rect("0", "100%", "track", y=2, height=ROW - 4)]
    if projected is not None:
        drawn.append(_rect("0", _percent(projected, most), "projected", y=4, height=ROW - 8))
    if value is not None:
        drawn.append(_rect("0", _percent(value, most), tone, y=6, height=ROW - 12))
    if baseline is not None:
        drawn.append(_line(_percent(baseline, most), 3, ROW - 3, "baseline"))
    if target is not None:
        drawn.append(_line(_percent(target, most), 0, ROW, "target"))
    return _svg("bullet", title, ROW, *drawn)


def sparkline(title: str, values: Sequence[Value], *, target: Value = None, tone: Tone = "accent") -> Markup:
    """The course of a value over the rounds, evenly spaced, the last one marked; an unknown value interrupts the line."""
    known = [Decimal(v) for v in (*values, target) if v is not None]
    low, high = min(known, default=Decimal(0)), max(known, default=Decimal(1))
    drawn = []
    if target is not None:
        y = _height(Decimal(target), low, high)
        drawn.append(Markup('<line x1="0" x2="{}" y1="{}" y2="{}" class="line-target-level"/>').format(SPARK_WIDTH, y, y))
    points = [None if v is None else (_place(i, len(values)), _height(Decimal(v), low, high)) for i, v in enumerate(values)]
    for start, end in pairwise(points):
        if start and end:
            drawn.append(Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(*start, *end, f"line-{tone}"))
    present = [point for point in points if point]
    for point in present:
        radius = 3 if point == present[-1] else 1.5
        drawn.append(Markup('<circle cx="{}" cy="{}" r="{}" class="{}"/>').format(*point, radius, f"tone-{tone}"))
    head = Markup('<svg class="chart sparkline" role="img" width="{0}" height="{1}" viewBox="0 0 {0} {1}"><title>{2}</title>')
    return head.format(SPARK_WIDTH, SPARK_HEIGHT, title) + Markup().join(drawn) + Markup("</svg>")


def _place(index: int, count: int) -> str:
    step = Decimal(SPARK_WIDTH - 8) / max(count - 1, 1)
    return str((4 + index * step).quantize(Decimal("0.1")))


def _height(value: Decimal, low: Decimal, high: Decimal) -> str:
    share = (value - low) / (high - low) if high > low else Decimal("0.5")
    return str((SPARK_HEIGHT - 5 - share * (SPARK_HEIGHT - 10)).quantize(Decimal("0.1")))
