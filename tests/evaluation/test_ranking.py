"""Places inside one cluster and the hash of a ranking."""

import hashlib
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.evaluation.scoring.exact import PLACES
from services.evaluation.scoring.ranking import Contender, official_name, ranking_hash, standings
from shared.events.evaluation import ClusterRanking


def contender(name: str, score: str, *, on_hold: bool = False) -> Contender:
    return Contender(name, "dvhc", name, Decimal(score), None, on_hold)


def ranks(*contenders: Contender, least: int = 3) -> list[tuple[str, int | None, bool]]:
    return [(p.unit, p.rank, p.tied) for p in standings(contenders, least)]


def test_equal_scores_share_a_rank_are_marked_and_the_next_rank_is_skipped():
    found = ranks(contender("c", "90"), contender("a", "95.0"), contender("b", "95"), contender("d", "80"))
    assert found == [("a", 1, True), ("b", 1, True), ("c", 3, False), ("d", 4, False)]


def test_scores_that_would_round_to_the_same_are_not_equal():
    assert ranks(contender("a", "94.9949"), contender("b", "94.9951"), contender("c", "1")) == [("b", 1, False), ("a", 2, False), ("c", 3, False)]


def test_scores_that_differ_in_their_last_place_stand_in_their_order():
    """Two rationals may agree to thirty places; the counted places tell them apart, and so must the frozen ones."""
    lower, higher = ("97." + "3" * (PLACES - 1) + last for last in "12")
    assert ranks(contender("a", lower), contender("b", higher), contender("c", "1")) == [("b", 1, False), ("a", 2, False), ("c", 3, False)]


def test_a_unit_on_hold_has_no_rank_and_takes_none():
    found = ranks(contender("a", "95", on_hold=True), contender("b", "90"), contender("c", "80"))
    assert found == [("a", None, False), ("b", 1, False), ("c", 2, False)]


def test_a_cluster_too_small_is_scored_and_not_ranked():
    assert ranks(contender("a", "95"), contender("b", "90")) == [("a", None, False), ("b", None, False)]


def test_a_unit_is_named_by_the_first_scheme_it_bears():
    assert official_name([("dvhc", "105"), ("dinh-danh", "H35.30"), ("dinh-danh-2016", "000.00.30.H35")]) == ("dinh-danh", "H35.30")
    assert official_name([("mst", "0"), ("dinh-danh-2016", "1")]) == ("mst", "0")
    assert official_name([("unknown", "1")]) is None


def cluster(code: str, *contenders: Contender) -> ClusterRanking:
    return ClusterRanking(cluster=code, ranked=standings(contenders, 1))


def test_the_hash_is_of_canonical_text_without_any_id_of_ours():
    found = ranking_hash([cluster("one", Contender("our-id", "dvhc", "105", Decimal("90.50"), "best", False, 7))])
    assert found == hashlib.sha256(b'[["one",{"scheme":"dvhc","value":"105"},"90.5",1]]').hexdigest()


@given(st.permutations([contender(name, score) for name, score in (("a", "1"), ("b", "2"), ("c", "2.0"), ("d", "0.5"))]), st.booleans())
def test_the_hash_does_not_depend_on_order(members, flipped):
    clusters = [cluster("x", *members), cluster("y", contender("e", "3"))]
    usual = [cluster("x", *sorted(members, key=lambda c: c.unit)), cluster("y", contender("e", "3.00"))]
    assert ranking_hash(reversed(clusters) if flipped else clusters) == ranking_hash(usual)


def test_another_score_or_rank_is_another_hash():
    usual = ranking_hash([cluster("x", contender("a", "1"), contender("b", "2"))])
    assert usual != ranking_hash([cluster("x", contender("a", "1"), contender("b", "2.0000001"))])
    assert usual != ranking_hash([cluster("x", contender("a", "1"), contender("b", "2", on_hold=True))])
    assert usual != ranking_hash([cluster("z", contender("a", "1"), contender("b", "2"))])
