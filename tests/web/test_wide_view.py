"""Whoever stands above very many units sees the same lists as others: of theirs, however many that are."""

import pytest

from services.evaluation import alarms, places, records
from services.registration import amendments, participations, proposals, works
from shared import audit
from shared.testing.databases import fresh_database
from tests.evaluation.making import CODE, campaign

MANY = {f"unit-{number}" for number in range(40_000)}
"""More than a statement of PostgreSQL may name one by one."""


async def _places(session, code, many):
    counted = places.Places(session, campaign(code=code), {})
    return [*await counted.of(many), *await counted.cluster_of(many)]


async def _works_done(session, code, many):
    return await records._works_done(session, campaign(code=code), many)


async def _trail(session, _, many):
    return await audit.listed(session, many)


LISTS = {
    "registration": (works.listed, participations.listed, proposals.listed, amendments.listed, _trail),
    "evaluation": (alarms.open_warnings, alarms.open_findings, _places, _works_done, _trail),
}


@pytest.mark.parametrize("service", LISTS)
async def test_a_list_of_very_many_units_is_answered(service, database_kind):
    async with fresh_database(service, database_kind) as database, database.read() as session:
        for listed in LISTS[service]:
            assert list(await listed(session, CODE, MANY)) == []
