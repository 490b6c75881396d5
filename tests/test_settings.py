"""Settings are documented where they are declared; the README's table and the code agree."""

import re
from pathlib import Path

import pytest
from pydantic import Field

from shared import settings as configuration
from shared.settings import PREFIX, Settings, SettingsRefused, table
from tests.sources import sources

ROOT = Path(__file__).parents[1]
OF_TESTS = {"THIDUA_TEST_MEMORY", "THIDUA_TEST_POSTGRES"}
"""Variables that only tests read."""


def table_in(text: str) -> str:
    """The Markdown table under the heading Settings."""
    section = text.partition("\n## Settings\n")[2].partition("\n## ")[0]
    return "\n".join(line for line in section.splitlines() if line.startswith("|"))


def test_the_readme_lists_every_setting_with_its_default_and_meaning():
    assert table_in((ROOT / "README.md").read_text(encoding="utf-8")) == table()


def test_a_setting_that_the_readme_does_not_list_would_be_found():
    class Grown(Settings):
        colour: str = Field(default="red", description="Colour of the pages.")

    assert table_in((ROOT / "README.md").read_text(encoding="utf-8")) != table(Grown)
    assert "| `THIDUA_COLOUR` | `red` | Colour of the pages. |" in table(Grown)


def undescribed(settings) -> list[str]:
    return [name for name, field in settings.model_fields.items() if not (field.description or "").endswith(".")]


def test_every_setting_says_what_it_means():
    class Wordless(Settings):
        colour: str = "red"

    assert undescribed(Settings) == []
    assert undescribed(Wordless) == ["colour"]


def unused(settings) -> list[str]:
    """Settings that nothing reads. The services' own database addresses are read by name."""
    texts = {source.path: source.text for source in sources(ROOT)}
    own, everywhere = texts["shared/settings.py"], "\n".join(texts.values())
    names = [name for name in settings.model_fields if not name.endswith("_database_url")]
    return [name for name in names if not re.search(rf"\bsettings\.{name}\b", everywhere) and f"self.{name}" not in own]


def test_every_setting_has_an_effect():
    class Idle(Settings):
        colour: str = "red"

    assert unused(Settings) == []
    assert unused(Idle) == ["colour"]


def unknown(texts: list[str]) -> set[str]:
    """Variables that a text names and the program does not know."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | OF_TESTS
    named = {name for text in texts for name in re.findall(r"\bTHIDUA_[A-Z_]*[A-Z]\b", text)}
    return {name for name in named if name.removesuffix("_FILE") not in known}


def test_every_variable_that_a_text_names_exists():
    places = [ROOT / "README.md", ROOT / "Makefile", *(ROOT / "services").rglob("*.md"), *(ROOT / "shared").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
    texts = [path.read_text(encoding="utf-8") for path in places] + [source.text for source in sources(ROOT)]
    assert unknown(texts) == set()
    assert unknown(["Set THIDUA_COLOUR or THIDUA_SIGNING_KEY_FILE."]) == {"THIDUA_COLOUR"}


def test_a_setting_comes_from_the_environment_and_a_secret_from_a_file(tmp_path):
    (tmp_path / "key").write_text("secret\n")
    found = configuration.load({"THIDUA_PORT": "8100", "THIDUA_SIGNING_KEY_FILE": str(tmp_path / "key")})
    assert found.port == 8100
    assert found.signing_key.get_secret_value() == "secret"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"THIDUA_PORT": "eighty"}, "THIDUA_PORT: "),
        ({"THIDUA_PORT": "70000"}, "THIDUA_PORT: "),
        ({"THIDUA_CLOCK": "sundial"}, "THIDUA_CLOCK: "),
        ({"THIDUA_SIGNING_KEY_FILE": "/nowhere/key"}, "THIDUA_SIGNING_KEY_FILE: cannot read /nowhere/key"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(environment, words):
    with pytest.raises(SettingsRefused, match=words):
        configuration.load(environment)


def test_each_service_has_a_file_of_its_own_or_the_database_it_is_told(tmp_path):
    files = configuration.load({}, data=tmp_path)
    assert files.database_of("reporting") == f"sqlite+aiosqlite:///{tmp_path / 'reporting.sqlite'}"
    told = configuration.load({"THIDUA_DATABASE_URL": "postgresql://db/thidua", "THIDUA_REPORTING_DATABASE_URL": "postgres://other/r"})
    assert told.database_of("evaluation") == "postgresql+asyncpg://db/thidua"
    assert told.database_of("reporting") == "postgresql+asyncpg://other/r"
