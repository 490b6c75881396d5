"""Evaluation's application."""

from pathlib import Path

from fastapi import FastAPI

from services.evaluation import api, live, mending, pages, subscribers
from shared.service import Service
from shared.settings import Settings
from shared.web import site


def create_app(settings: Settings) -> FastAPI:
    """Pages and API of evaluation."""
    service = Service("evaluation", settings, subscribers.hears, jobs=[live.follow, mending.mend_places])
    return site.create(service, [pages.router, api.router], Path(__file__).parent / "templates")
