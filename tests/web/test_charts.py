"""Drawings say what they show, in words and to scale."""

import re
from decimal import Decimal
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from shared.web.charts import Bar, Part, Stack, bar, bars, bullet, sparkline, stacked

amounts = st.none() | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=3)


def parsed(drawing):
    return ET.fromstring(str(drawing))


def title_of(drawing) -> str:
    return parsed(drawing).findtext(".//title") or ""


def widths(drawing, tone: str) -> list[str]:
    return [rect.get("width") for rect in parsed(drawing).iter("rect") if rect.get("class") == f"tone-{tone}"]


def test_every_drawing_has_a_title_and_is_an_image_to_a_screen_reader():
    drawings = [bar("t", 5), bullet("t", 5, 10), sparkline("t", [1, 2])]
    assert [title_of(d) for d in drawings] == ["t"] * 3
    assert all(parsed(d).get("role") == "img" for d in drawings)


def test_bars_share_one_scale_and_stand_beside_their_figures():
    drawing = bars("Điểm", [Bar("Tam Đường", Decimal(80), "80,0"), Bar("Than Uyên", Decimal(40), "40,0")])
    assert widths(drawing, "accent") == ["100.00%", "50.00%"]
    assert [e.text for e in parsed(drawing).iter("span") if e.get("class") == "figure"] == ["80,0", "40,0"]
    assert [t.text for t in parsed(drawing).iter("title")] == ["Tam Đường: 80,0", "Than Uyên: 40,0"]


def test_what_is_not_known_is_not_drawn_as_zero():
    assert widths(bar("t", None), "accent") == []
    assert widths(bar("t", 0), "accent") == ["0.00%"]


def test_stacked_bars_add_up_and_the_legend_tells_the_sums():
    rows = [Stack("Kỳ 1", [Part("Đúng hạn", 6, "good"), Part("Muộn", 2, "fair")]), Stack("Kỳ 2", [Part("Đúng hạn", 1, "good")])]
    drawing = stacked("Báo cáo", rows)
    assert widths(drawing, "good") == ["12", "75.00%", "100.00%"], "legend, then the rows"
    legend = "".join(parsed(drawing).find("ul").itertext())
    assert "Đúng hạn (7)" in legend
    assert "Muộn (2)" in legend


def test_a_bullet_puts_value_and_target_on_one_scale():
    drawing = parsed(bullet("t", Decimal(50), Decimal(100)))
    value = next(r for r in drawing.iter("rect") if r.get("class") == "tone-accent").get("width")
    target = next(line for line in drawing.iter("line") if line.get("class") == "line-target").get("x1")
    assert (value, target) == ("45.45%", "90.91%")


def test_an_unknown_round_interrupts_the_line():
    assert str(sparkline("t", [1, 2, 3])).count("<line") == 2
    assert str(sparkline("t", [1, None, 3])).count("<line") == 0
    assert str(sparkline("t", [1, None, 3])).count("<circle") == 2


def test_names_are_escaped():
    assert "<b>" not in str(bars("<b>", [Bar("<b>", 1, "<b>", href='"><b>')]))


def test_no_drawing_carries_a_style_of_its_own():
    drawings = [bars("t", [Bar("a", 1, "1")]), stacked("t", [Stack("a", [Part("b", 1, "good")])]), bullet("t", 1, 2), sparkline("t", [1])]
    assert not any("style=" in str(d) for d in drawings)


@given(st.lists(amounts, max_size=6), amounts, amounts)
def test_whatever_the_figures_a_drawing_is_well_formed_and_stays_in_its_box(values, target, baseline):
    value = values[0] if values else None
    drawings = [
        bars("t", [Bar(str(i), v, "x") for i, v in enumerate(values)]), sparkline("t", values, target=target),
        bullet("t", value, target, baseline=baseline, projected=target), bar("t", value, target),
        stacked("t", [Stack("a", [Part("p", abs(v) if v else v, "good") for v in values])]),
    ]  # fmt: skip
    for drawing in drawings:
        parsed(drawing)
        assert all(0 <= Decimal(p) <= 100 for p in re.findall(r'"(-?[\d.]+)%"', str(drawing)))
