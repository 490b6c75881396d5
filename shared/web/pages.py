"""Server-rendered pages: Jinja2 templates of the service and the shared ones, in the reader's language."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from shared.messages import LANGUAGES, Message, translate
from shared.service import Service
from shared.web import formats

SHARED_TEMPLATES = Path(__file__).parent / "templates"
LANGUAGE_COOKIE = "thidua-language"


def language_of(request: Request) -> str:
    """The reader's language: `?lang=`, then the cookie, then (for programs) Accept-Language; Vietnamese otherwise."""
    asked = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE)
    if asked is None and "/api/" in request.url.path:
        asked = request.headers.get("accept-language", "vi")[:2]
    return asked if asked in LANGUAGES else "vi"


class Pages:
    """Renders the templates of one service. In a template: `_("…")`, `number`, `percent`, `day`, `moment`, `officer`, `lang`, `csrf`."""

    def __init__(self, service: Service, templates: Path) -> None:
        self.service = service
        self.environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(templates), FileSystemLoader(SHARED_TEMPLATES)]),
            autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        )
        self.environment.filters |= formats.FILTERS

    def render(self, request: Request, template: str, **context: Any) -> HTMLResponse:
        """A template as an HTML answer."""
        return HTMLResponse(self.text(request, template, **context))

    def text(self, request: Request, template: str, **context: Any) -> str:
        """A template as text, for fragments that are pushed."""
        language = language_of(request)
        officer = getattr(request.state, "officer", None)
        return self.environment.get_template(template).render(
            request=request, lang=language, _=_translator(language), officer=officer, csrf=officer.csrf if officer else "",
            service=self.service.name, now=self.service.now(), simulated=self.service.settings.simulated, **context,
        )


def _translator(language: str) -> Callable[..., Any]:
    def gettext(text: str | Message, **parameters: Any) -> str:
        """The text in the reader's language, its parameters filled in and escaped."""
        if isinstance(text, Message):
            return text.render(language)
        translated = translate(text, language)
        return Markup(translated).format(**parameters) if parameters else translated

    return gettext


def render(request: Request, template: str, **context: Any) -> HTMLResponse:
    """A page of the service that answers; what a route returns."""
    pages: Pages = request.app.state.pages
    return pages.render(request, template, **context)
