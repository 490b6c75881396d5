"""What people see of reporting."""

from fastapi import APIRouter

from shared.web.strict_json import StrictRoute

router = APIRouter(route_class=StrictRoute, include_in_schema=False)
