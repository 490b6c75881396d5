"""The style sheet keeps its promises: contrast, print, no address of another host."""

import re
from pathlib import Path

import pytest

from shared.web.site import STATIC

CSS = (STATIC / "app.css").read_text(encoding="utf-8")
COLOURS = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", CSS))
TEXT = [
    ("ink", "ground"), ("ink", "wash"), ("quiet", "ground"), ("quiet", "wash"), ("link", "ground"), ("ground", "accent"),
    ("ground", "accent-dark"), ("good", "good-wash"), ("fair", "fair-wash"), ("poor", "poor-wash"), ("poor", "ground"),
    ("muted", "muted-wash"), ("ink", "fair-wash"), ("accent", "ground"), ("fair", "ground"),
]  # fmt: skip


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_itself_is_right():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_every_text_is_readable(text, ground):
    assert contrast(COLOURS[text], COLOURS[ground]) >= 4.5


def test_information_is_readable_on_its_own_ground():
    status = re.search(r"\.status\.accent \{ color: var\(--link\); background: (#[0-9a-f]{6})", CSS)
    assert contrast(COLOURS["link"], status[1]) >= 4.5


@pytest.mark.parametrize("tone", ["accent", "good", "fair", "poor", "muted"])
def test_every_drawn_tone_stands_out_from_the_page(tone):
    fill = re.search(rf"\.tone-{tone} {{ fill: (#[0-9a-f]{{6}})", CSS)[1]
    assert contrast(fill, COLOURS["ground"]) >= 3


def test_neither_sheet_nor_script_names_another_host():
    for path in STATIC.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]+/", text), path.name


def test_templates_have_no_inline_style_script_or_handler():
    templates = [*STATIC.parent.rglob("templates/**/*.html"), *Path(STATIC.parents[2] / "services").rglob("templates/**/*.html")]
    assert templates
    for path in templates:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|<style|<script>|\son[a-z]+=|hx-on|js:|javascript:", text), path
