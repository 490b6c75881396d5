"""The same use cases as the pages, as JSON."""

from fastapi import APIRouter

from services.registration.api import amendments, campaigns, participations, sessions, units, works

router = APIRouter(prefix="/api")
for part in (sessions, campaigns, units, participations, amendments, works):
    router.include_router(part.router)
