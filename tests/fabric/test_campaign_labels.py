"""The label of a campaign: the code of one that is kept here, and nothing that somebody sent."""

import pytest
from prometheus_client import CollectorRegistry, Counter

from shared.campaign_labels import NONE, CampaignLabels
from shared.shadows import shadow_of

CODE = "thu-nghiem"


@pytest.fixture
def labels():
    found = CampaignLabels()
    found.know([CODE])
    return found


def test_a_campaign_that_is_kept_here_is_named_by_its_code(labels):
    assert labels.of(CODE) == CODE
    assert labels.has(CODE)


def test_all_trials_beside_a_campaign_share_one_label_however_often_they_begin_anew(labels):
    named = {labels.of(shadow_of(CODE, client, number)) for client in ("kho-bac", "thue") for number in range(1, 50)}
    assert named == {f"{CODE}~"}
    assert not labels.has(shadow_of(CODE, "kho-bac"))


@pytest.mark.parametrize("said", ["", "thu-nghiem-2", "Thu-nghiem", "~", "khac~kho-bac", f"~{CODE}", None, 7, ["thu-nghiem"], {"a": 1}])
def test_what_names_no_campaign_of_ours_has_the_label_of_none(labels, said):
    assert labels.of(said) == NONE


def test_what_is_expected_of_a_campaign_is_there_before_it_is_counted_whichever_was_known_first(labels):
    counter = Counter("letters", "Letters", ["campaign", "channel", "outcome"], registry=CollectorRegistry())
    labels.expect(counter, ["e-mail"], ["delivered", "failed"])
    counter.labels(CODE, "e-mail", "failed").inc()
    labels.know([CODE, "moi"])
    there = {tuple(one.labels.values()): one.value for metric in counter.collect() for one in metric.samples if one.name == "letters_total"}
    assert there == {(code, "e-mail", outcome): float((code, outcome) == (CODE, "failed")) for code in (NONE, CODE, "moi") for outcome in ("delivered", "failed")}
