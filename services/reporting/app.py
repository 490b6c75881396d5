"""The reporting service."""

from pathlib import Path

from fastapi import FastAPI

from services.reporting import api, inbound_streams, measures, pages, partner_api, refusals, sandbox_api
from services.reporting.subscribers import hears
from shared.service import Service
from shared.settings import Settings
from shared.web import site


def create_app(settings: Settings) -> FastAPI:
    """Reporting's pages, JSON API and subscribers."""
    jobs = [inbound_streams.keep, inbound_streams.make_room, refusals.keep]
    service = Service("reporting", settings, hears, jobs, [measures.deadlines, measures.partners])
    measures.prepare(service.telemetry)
    return site.create(service, [pages.router, api.router, partner_api.router, sandbox_api.router], Path(__file__).parent / "templates")
