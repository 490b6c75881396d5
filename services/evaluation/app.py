"""Evaluation's application."""

from pathlib import Path

from fastapi import FastAPI

from services.evaluation import api, subscribers
from shared.service import Service
from shared.settings import Settings
from shared.web import site


def create_app(settings: Settings) -> FastAPI:
    """Pages and API of evaluation."""
    service = Service("evaluation", settings, subscribers.hears)
    return site.create(service, [api.router], Path(__file__).parent / "templates")
