"""What people see of registration: each page is one form or list, each form leads to one use case."""

from fastapi import APIRouter

from services.registration.pages import amendments, campaign, fragments, officers, participations, sign_in, units, works

router = APIRouter(include_in_schema=False)
for part in (sign_in, participations, amendments, works, units, campaign, officers, fragments):
    router.include_router(part.router)
