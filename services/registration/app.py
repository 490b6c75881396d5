"""The registration service as a web application."""

from pathlib import Path

from fastapi import FastAPI

from services.registration import api, home, keys, measures, pages, partner_places
from services.registration.subscribers import hears
from shared.service import Service
from shared.settings import Settings
from shared.web import site


def create_app(settings: Settings) -> FastAPI:
    """Pages, API, subscribers and the signing key, wired."""
    jobs = [keys.publish_at_start, partner_places.keep]
    service = Service("registration", settings, hears, jobs, [measures.backup, measures.certificate, measures.broker_accounts])
    service.extras["signing_key"] = keys.signing_key(settings)
    app = site.create(service, [pages.router, api.router], Path(__file__).parent / "templates")
    app.include_router(home.router)
    return app
