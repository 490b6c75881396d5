"""Server-rendered pages: Jinja2 templates of the service and the shared ones, in the reader's language."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from shared.events.campaign import Text
from shared.messages import LANGUAGES, Message, translate
from shared.service import Service
from shared.web import charts, formats, navigation, titles

SHARED_TEMPLATES = Path(__file__).parent / "templates"
LANGUAGE_COOKIE = "thidua-language"


def language_of(request: Request) -> str:
    """The reader's language: `?lang=`, then the cookie, then (for programs) Accept-Language; Vietnamese otherwise."""
    asked = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE)
    if asked is None and "/api/" in request.url.path and "text/html" not in request.headers.get("accept", ""):
        asked = request.headers.get("accept-language", "vi")[:2]
    return asked if asked in LANGUAGES else "vi"


class Pages:
    """Renders the templates of one service, with one environment per language, so that imported macros speak it too.

    In a template: `_("…")`, `lang`, the filters of `shared/web/formats.py`, `officer`, `csrf`, `service`, `now`, `simulated`, `charts`,
    `event_titles` and `service_titles`.
    """

    def __init__(self, service: Service, templates: Path) -> None:
        self.service = service
        self.environments = {language: _environment(language, templates) for language in LANGUAGES}

    def render(self, request: Request, template: str, **context: Any) -> HTMLResponse:
        """A template as an HTML answer."""
        return HTMLResponse(self.text(request, template, **context))

    def text(self, request: Request, template: str, **context: Any) -> str:
        """A template as text, for fragments that are pushed."""
        officer = getattr(request.state, "officer", None)
        return self.environments[language_of(request)].get_template(template).render(
            request=request, officer=officer, csrf=officer.csrf if officer else "",
            service=self.service.name, now=self.service.now(), simulated=self.service.settings.simulated, **context,
        )


def _environment(language: str, templates: Path) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(templates), FileSystemLoader(SHARED_TEMPLATES)]),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )
    environment.filters |= formats.filters(language)
    environment.globals |= {"_": _translator(language), "lang": language, "charts": charts, "navigation": navigation.entries}
    environment.globals |= {"event_titles": titles.EVENTS, "service_titles": titles.SERVICES}
    return environment


def _translator(language: str) -> Callable[..., Any]:
    def gettext(text: str | Message | Text | None, **parameters: Any) -> str:
        """The text in the reader's language, its parameters filled in and escaped; of a campaign's own words, the right ones."""
        if isinstance(text, Message):
            return text.render(language)
        if isinstance(text, Text):
            return text.in_language(language)
        translated = translate(text or "", language)
        return Markup(escape(translated)).format(**parameters) if parameters else translated  # noqa: S704 - escaped just now

    return gettext


def render(request: Request, template: str, **context: Any) -> HTMLResponse:
    """A page of the service that answers; what a route returns."""
    pages: Pages = request.app.state.pages
    return pages.render(request, template, **context)
