"""Every text that people can see is there in English too."""

import string
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from shared.events import REGISTRY
from shared.settings import SERVICES
from shared.web import titles
from tests.web.texts import in_sources

ROOT = Path(__file__).parents[2]
LOCALES = ROOT / "shared" / "web" / "locales"
SOURCES = (ROOT / "services", ROOT / "shared")


def catalogues() -> dict[Path, dict[str, str]]:
    found = {}
    for path in sorted(LOCALES.glob("en*.po")):
        with path.open("rb") as file:
            found[path] = {str(m.id): str(m.string) for m in read_po(file, locale="en", abort_invalid=True) if m.id}
    return found


def translations() -> dict[str, str]:
    return {text: english for words in catalogues().values() for text, english in words.items() if english}


def untranslated(*folders: Path) -> list[str]:
    known = translations()
    return [f"{f.path.name}:{f.line}: {f.text}" for f in in_sources(*folders) if f.text is not None and f.text not in known]


def unreadable(*folders: Path) -> list[str]:
    return [f"{f.path}:{f.line}" for f in in_sources(*folders) if f.text is None]


def parameters(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_has_an_english_translation():
    assert untranslated(*SOURCES) == []


def test_every_text_is_written_out_where_it_is_used_so_that_it_can_be_found():
    assert unreadable(*SOURCES) == []


def test_a_translation_has_the_same_parameters_as_its_source():
    wrong = [text for text, english in translations().items() if parameters(text) != parameters(english)]
    assert wrong == []


def test_one_text_has_one_translation():
    seen: dict[str, str] = {}
    twice = []
    for words in catalogues().values():
        for text, english in words.items():
            if seen.setdefault(text, english) != english:
                twice.append(f"{text}: {seen[text]} / {english}")
    assert twice == []


def test_every_type_of_event_and_every_service_has_a_title_for_people():
    """Pages name events and services by these; a title of a type that is gone goes as well."""
    assert titles.EVENTS.keys() - {"inbound"} == REGISTRY.keys()
    assert titles.SERVICES.keys() == set(SERVICES)
    assert len({title.text for title in titles.EVENTS.values()}) == len(titles.EVENTS)


def test_the_shared_catalogue_keeps_no_text_that_nobody_says():
    said = {found.text for found in in_sources(*SOURCES)}
    assert [text for text in catalogues()[LOCALES / "en.po"] if text not in said] == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.py", 'from shared.messages import Message\nMessage("Chữ chưa dịch")'),
        ("b.py", 'Refused.because("Chữ chưa dịch", unit=1)'),
        ("c.py", 'from shared.messages import Message as Words\nWords("Chữ chưa dịch")'),
        ("d.py", 'from shared.messages import Fault, Message\nMessage("Loại" if x else "Chữ chưa dịch")'),
        ("e.html", '{{ _("Chữ chưa dịch") }}'),
        ("f.html", '{% call x(a=_("Chữ chưa dịch", b=1)) %}{% endcall %}'),
        ("g.html", '<a title="{{ "x" if y else _("Chữ chưa dịch") }}">'),
    ],
)
def test_a_planted_text_without_translation_is_found(tmp_path, name, source):
    (tmp_path / name).write_text(source, encoding="utf-8")
    assert untranslated(tmp_path) == [f"{name}:{source.count(chr(10)) + 1}: Chữ chưa dịch"]


def test_a_planted_text_that_is_not_written_out_is_found(tmp_path):
    (tmp_path / "a.py").write_text('from shared.messages import Message\nMessage(f"Thiếu {x}")', encoding="utf-8")
    assert len(unreadable(tmp_path)) == 1
