"""Pages and JSON: who sees what, what is drawn, how decisions are taken and refused."""

import pytest

from shared.events.registration import Role
from tests.evaluation.conftest import ROUNDS_CLOSED, officer
from tests.evaluation.making import COMMUNES, DISTRICT, PROVINCE, advanced, closed, commits, hear, reports, worked
from shared.events.campaign import Phase

ONE, TWO, THREE, FOUR = COMMUNES
SECRETARY, CHAIR, MEMBER, AUDITOR = (officer(role) for role in (Role.SECRETARY, Role.CHAIR, Role.MEMBER, Role.AUDITOR))
HEAD, CLERK = officer(Role.HEAD, unit=DISTRICT), officer(Role.CLERK, unit=ONE)


async def page(running, path, one=SECRETARY, status=200):
    answer = await running.ask("GET", path, one)
    assert answer.status_code == status, answer.text[:2000]
    assert "style=" not in answer.text
    return answer.text


@pytest.mark.parametrize("path", ["/league", "/league?order=worst", f"/units/{ONE}", f"/units/{DISTRICT}", f"/units/{PROVINCE}", "/warnings", "/council", "/council?cluster=districts", "/rankings"])
async def test_every_page_of_the_council_is_drawn_in_both_languages(running, path):
    for language in ("vi", "en"):
        separator = "&" if "?" in path else "?"
        assert "<h1>" in await page(running, f"{path}{separator}lang={language}")
