"""What people see of registration: each page is one form or list, each form leads to one use case."""

from fastapi import APIRouter

from services.registration.pages.amendments import router as amendments
from services.registration.pages.campaign import router as campaign
from services.registration.pages.fragments import router as fragments
from services.registration.pages.officers import router as officers
from services.registration.pages.participations import router as participations
from services.registration.pages.partners import router as partners
from services.registration.pages.proposals import router as proposals
from services.registration.pages.sign_in import router as sign_in
from services.registration.pages.units import router as units
from services.registration.pages.works import router as works

router = APIRouter(include_in_schema=False)
for part in (sign_in, participations, amendments, works, units, campaign, partners, proposals, officers, fragments):
    router.include_router(part)
