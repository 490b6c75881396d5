"""What people see of reporting."""

from fastapi import APIRouter

from services.reporting.pages import due, entry, overview, partners, reconcile, report, sandbox, sources, workbook

router = APIRouter(include_in_schema=False)
for part in (due, entry, workbook, report, overview, reconcile, partners, sandbox, sources):
    router.include_router(part.router)
