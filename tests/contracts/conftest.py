"""What the four services really hear."""

from importlib import import_module

import pytest

from shared.inbox import Hears
from shared.settings import SERVICES


@pytest.fixture(scope="session")
def hears() -> list[Hears]:
    return [import_module(f"services.{service}.subscribers").hears for service in SERVICES]
