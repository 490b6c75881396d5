"""What a letter says: its rule's template with the letter's parameters, in the reader's language. The first line is the subject."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Row

from services.notification.digests import is_digest
from services.notification.rules import BY_CODE
from shared import campaigns, units
from shared.clock import local_date
from shared.database import ReadSession
from shared.events.campaign import Campaign
from shared.messages import LANGUAGES, translate
from shared.web import formats

FOLDER = Path(__file__).parent / "templates" / "letters"
ITEM = "- "
DECIMALS = ("projected", "target", "percent", "reported", "observed", "value")


@dataclass(frozen=True, slots=True)
class Text:
    """A letter's words; `body` is made of paragraphs parted by empty lines."""

    subject: str
    body: str

    @property
    def paragraphs(self) -> list[str]:
        """The body's paragraphs, lists left out."""
        return [part for part in self.body.split("\n\n") if not part.startswith(ITEM)]

    @property
    def lines(self) -> list[str]:
        """The items of the body's lists."""
        return [line.removeprefix(ITEM) for part in self.body.split("\n\n") if part.startswith(ITEM) for line in part.splitlines()]


def _environment(language: str) -> Environment:
    """Plain text, so nothing is escaped: a page escapes it when it shows it."""
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=False, undefined=StrictUndefined, trim_blocks=True)  # noqa: S701
    environment.filters |= formats.filters(language)
    environment.globals["_"] = lambda text, **values: translate(text, language).format(**values)
    return environment


_ENVIRONMENTS = {language: _environment(language) for language in LANGUAGES}


class Words:
    """Names and titles that some letters need, read once for all of them."""

    def __init__(self, names: Mapping[str, str], known: Mapping[str, Campaign]) -> None:
        self.names, self.campaigns = names, known

    def write(self, letter: Row[Any], language: str) -> Text:
        """The letter in a language; a name that is not known yet is shown by its code."""
        name = f"digests/{letter.rule}.txt" if is_digest(letter) else f"{letter.rule}.txt"
        values = self._values(letter, letter.unit, letter.parameters, language)
        subject, _, body = _ENVIRONMENTS[language].get_template(name).render(values).partition("\n")
        return Text(subject.strip(), body.strip())

    def name(self, unit: str) -> str:
        """A unit's name, its id while it is not known, nothing for no unit."""
        return self.names.get(unit, unit)

    def page(self, letter: Row[Any]) -> str:
        """Where the reader acts on a letter, below the site's address."""
        rule = BY_CODE[letter.rule]
        if is_digest(letter):
            return rule.overview
        return rule.page.format(unit=letter.unit, round=letter.parameters.get("round", ""))

    def _values(self, letter: Row[Any], unit: str, parameters: Mapping[str, Any], language: str) -> dict[str, Any]:
        campaign = self.campaigns.get(letter.campaign)
        values: dict[str, Any] = {**parameters, "unit": self.name(unit)}
        values["campaign"] = campaign.title.in_language(language) if campaign else letter.campaign
        if "deadline" in values:
            values["deadline"] = datetime.fromisoformat(values["deadline"])
        if "cutoff" in values:
            values["cutoff"] = date.fromisoformat(values["cutoff"])
        if "lines" in values:
            values["lines"] = [self._values(letter, line["unit"], line, language) for line in values["lines"]]
        values |= {name: Decimal(values[name]) for name in DECIMALS if values.get(name) is not None}
        return values | _titles(values, campaign, language)


def _titles(values: Mapping[str, Any], campaign: Campaign | None, language: str) -> dict[str, Any]:
    """Titles instead of codes, as far as the campaign is known here."""
    found = {name: values[name] for name in ("round", "indicator", "client", "cluster") if name in values}
    extra: dict[str, Any] = {"measure": "", "decimals": None}
    if campaign is None:
        return found | extra
    indicator = campaign.indicator(values.get("indicator", ""))
    measure = campaign.unit_of_measure(indicator.unit_of_measure) if indicator else None
    if measure:
        extra = {"measure": measure.title.in_language(language), "decimals": measure.decimals}
    partner = next((p for p in campaign.partners if p.client == values.get("client")), None)
    titled = {
        "round": campaign.round(values.get("round", "")),
        "indicator": indicator,
        "cluster": campaign.cluster(values.get("cluster", "")),
        "client": partner,
    }
    return found | extra | {name: item.title.in_language(language) for name, item in titled.items() if item}


def as_mail(text: Text, language: str, **values: str) -> str:
    """A letter's words as the body of an e-mail: who is addressed, where to act, why it came."""
    return _ENVIRONMENTS[language].get_template("mail.txt").render(body=text.body, **values)


async def words_for(session: ReadSession, letters: Iterable[Row[Any]]) -> Words:
    """The words that these letters need."""
    rows = list(letters)
    by_day: dict[date, set[str]] = {}
    for row in rows:
        named = {row.unit, *(line["unit"] for line in row.parameters.get("lines", ()))}
        by_day.setdefault(local_date(row.created), set()).update(named)
    names: dict[str, str] = {}
    for day, wanted in sorted(by_day.items()):
        names |= {unit: known.name for unit, known in (await units.on_day(session, day, wanted)).items()}
    known = {code: await campaigns.known(session, code) for code in {row.campaign for row in rows}}
    return Words(names, {code: campaign for code, campaign in known.items() if campaign})
