"""Shadow campaigns: what a partner tries out happens in a campaign of its own beside the real one, told from it by its code alone."""

import hashlib
from typing import Any

from sqlalchemy import Column, ColumnElement

MARK = "~"
"""Stands in no code of a real campaign: those are small letters, digits and hyphens."""
CODE_LIMIT = 64


def shadow_of(campaign: str, client: str, number: int = 1) -> str:
    """The code of a partner's shadow of a campaign; `number` tells one that was begun anew from those before.

    >>> shadow_of("lai-chau-2023", "kho-bac"), shadow_of("lai-chau-2023", "kho-bac", 2)
    ('lai-chau-2023~kho-bac', 'lai-chau-2023~kho-bac~2')
    """
    whose = client if number == 1 else f"{client}{MARK}{number}"
    code = f"{campaign}{MARK}{whose}"
    return code if len(code) <= CODE_LIMIT else f"{campaign}{MARK}{hashlib.sha256(whose.encode()).hexdigest()[:8]}"


def is_shadow(campaign: str) -> bool:
    """True for the code of a shadow."""
    return MARK in campaign


def original_of(campaign: str) -> str:
    """The code of the real campaign: of a shadow the one beside which it runs, of any other its own.

    >>> original_of("lai-chau-2023~kho-bac"), original_of("lai-chau-2023")
    ('lai-chau-2023', 'lai-chau-2023')
    """
    return campaign.partition(MARK)[0]


def in_earnest(campaign: Column[Any]) -> ColumnElement[bool]:
    """A condition for rows of real campaigns."""
    return campaign.not_like(f"%{MARK}%")
