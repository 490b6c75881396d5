"""What people see and send, through the running service."""

import pytest

from tests.registration.conftest import Town

PAGES = {
    "xa-ta-tong.clerk": ("participation", "amendments", "works", "works/new", "units", "units?on=2025-07-01&q=binh+lu", "campaign", "password"),
    "xa-ta-tong.head": ("participation", "amendments/new", "works"),
    "hoi-dong.thu-ky": ("participations", "participations?status=none", "amendments", "works", "partners", "campaign"),
    "van-hanh": ("officers", "officers?q=ta+tong", "partners"),
}


@pytest.mark.parametrize("login", PAGES)
@pytest.mark.parametrize("language", ["vi", "en"])
async def test_every_page_of_a_role_answers_in_both_languages(town: Town, login: str, language: str) -> None:
    await town.browse(login)
    for page in PAGES[login]:
        answer = await town.client.get(f"/registration/{page}", params={"lang": language} if "?" not in page else None)
        assert answer.status_code == 200, (page, answer.text)
        assert "<h1>" in answer.text
