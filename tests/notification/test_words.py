"""Every rule's letter can be written in both languages, and every text of the service has its English."""

from types import SimpleNamespace

import pytest

from services.notification.rules import RULES, gathers
from services.notification.texts import FOLDER, Words, as_mail
from shared.events.campaign import Campaign
from shared.messages import _catalogue
from tests.notification.story import CAMPAIGN, DEADLINE
from tests.web.texts import in_sources, in_template

PARAMETERS = {
    "round": "ky-1", "deadline": DEADLINE.isoformat(), "cutoff": "2023-07-14", "days": 3, "reason": "Lý do {lạ} <b>", "notes": ["Chỉ tiêu 3"],
    "indicator": "i1", "client": "kho-bac", "reported": "10", "observed": "1234.5", "kept": "partner", "value": "12.5", "projected": "60.123456",
    "target": "100", "percent": "60.12", "rounds": 2, "ranking_hash": "ab", "clusters": 9, "decided_by": "x", "cluster": "c",
    "commitments": 8, "head": "A",
}  # fmt: skip


def letter(rule: str) -> SimpleNamespace:
    return SimpleNamespace(rule=rule, campaign=CAMPAIGN, unit="xa", parameters=PARAMETERS, created=DEADLINE)


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("rule", [rule.code for rule in RULES])
def test_every_letter_has_a_subject_of_one_line_and_a_body(rule, language):
    text = Words({"xa": "Xã Tà Tổng"}, {}).write(letter(rule), language)
    assert text.subject
    assert "\n" not in text.subject
    assert text.body
    assert all(paragraph.strip() for paragraph in text.paragraphs)
    assert "{" not in text.body.replace("{lạ}", "")
    assert "None" not in text.body
    assert "\n\n\n" not in text.body


GATHERED = [rule.code for rule in RULES if any(gathers(to.audience, "xa") for to in rule.to) and rule.code != "ranking-ready"]


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("rule", GATHERED)
@pytest.mark.parametrize("count", [2, 1234])
def test_every_digest_says_how_many_names_the_first_and_says_that_there_are_more(rule, language, count):
    digest = letter(rule)
    digest.unit, digest.parameters = "", {"count": count, "lines": [{**PARAMETERS, "unit": "xa"}, {**PARAMETERS, "unit": "ban"}], "round": "ky-1"}
    words = Words({"xa": "Xã Tà Tổng", "ban": "Bản Mù"}, {})
    text = words.write(digest, language)
    number = {2: "2", 1234: "1.234" if language == "vi" else "1,234"}[count]
    assert number in text.subject
    assert [line[:6] for line in text.lines] == ["Xã Tà ", "Bản Mù"]
    assert len(text.paragraphs) == (1 if count == 2 else 2)
    assert "{" not in text.body.replace("{lạ}", "")
    assert words.page(digest).startswith("/")


def test_titles_and_units_of_measure_stand_instead_of_codes_once_the_campaign_is_known():
    title = {"vi": "Tỷ lệ giải ngân", "en": "Disbursement"}
    campaign = Campaign.model_construct(
        title=SimpleNamespace(in_language=lambda _: "Phong trào"),
        indicators=(SimpleNamespace(code="i1", title=SimpleNamespace(in_language=title.get), unit_of_measure="%"),),
        units_of_measure=(SimpleNamespace(code="%", title=SimpleNamespace(in_language=lambda _: "%"), decimals=2),),
        rounds=(SimpleNamespace(code="ky-1", title=SimpleNamespace(in_language=lambda _: "Kỳ 1")),), clusters=(), partners=(),
    )  # fmt: skip
    text = Words({"xa": "Xã Tà Tổng"}, {CAMPAIGN: campaign}).write(letter("warning"), "vi")
    assert text.subject == "Cảnh báo sớm: Tỷ lệ giải ngân, Xã Tà Tổng"
    assert text.paragraphs[0] == (
        "Với tiến độ đến Kỳ 1, Xã Tà Tổng dự kiến chỉ đạt 60,12 %, bằng 60,1% mục tiêu 100 % của chỉ tiêu Tỷ lệ giải ngân."
    )


def test_a_mail_without_an_address_of_the_pages_carries_no_link():
    text = Words({}, {}).write(letter("overdue"), "vi")
    body = as_mail(text, "vi", name="A", link="", rule="Quá hạn", event="e", trace="")
    assert "Xem thư" not in body
    assert "Mã vết" not in body
    assert body.startswith("Kính gửi đồng chí A,")


def test_every_text_of_the_letters_has_an_english_translation():
    found = [text for path in sorted(FOLDER.rglob("*.txt")) for text in in_template(path)] + in_sources(FOLDER.parents[1])
    assert len(found) > 100
    assert {each.text for each in found} - _catalogue("en").keys() == set()
