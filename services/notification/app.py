"""The notification service as a web application."""

from pathlib import Path

from fastapi import FastAPI

from services.notification import api, pages, post
from services.notification.subscribers import hears
from shared.service import Service
from shared.settings import Settings
from shared.web import site


def create_app(settings: Settings) -> FastAPI:
    """Pages, API, subscribers and the post, wired. A mail server's address that cannot be right is refused here."""
    if settings.smtp_url:
        post.server(settings.smtp_url)
    service = Service("notification", settings, hears, [post.deliver])
    post.prepare(service.telemetry)
    return site.create(service, [pages.router, api.router], Path(__file__).parent / "templates")
