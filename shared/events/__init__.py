"""The contracts: one module per producer. Importing this package registers them all."""

from shared.events import clock, evaluation, notification, registration, reporting
from shared.events.contract import REGISTRY, Audience, Contract, Event

__all__ = ["REGISTRY", "Audience", "Contract", "Event", "clock", "evaluation", "notification", "registration", "reporting"]
