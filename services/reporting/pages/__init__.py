"""What people see of reporting."""

from fastapi import APIRouter

from services.reporting.pages import due, entry, overview, partners, reconcile, report, sandbox, sources
from services.reporting.pages.workbooks import exchange

router = APIRouter(include_in_schema=False)
for part in (due, entry, exchange, report, overview, reconcile, partners, sandbox, sources):
    router.include_router(part.router)
