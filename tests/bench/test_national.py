"""What the national measurement concludes, without servers; and that its country is one that the services take."""


from tests.bench.national import account
from tests.bench.national.country import COMMUNES, INDICATORS, PROVINCES, Country, chunks, moment


def part(cost: float, memory: float, seconds: float = 10.0) -> dict:
    processor = {"reporting-0": cost, "evaluation-0": cost, "nats-server": cost, "postgres": 1.0}
    return {"reports": 1000, "seconds": seconds, "processor": processor, "memory": dict.fromkeys(processor, memory)}


def concluded(parts: list[dict], ages: list[float], curve: tuple[float, ...] = (0.2,)) -> dict:
    found = {"enterprises": 2000, "database": "postgres", "replicas": 1, "loaded_s": 1.0, "machine": {"cores": 2}, "parts": parts}
    found |= {"rank_age_s": ages, "page_s": [0.1], "letters": {"to_tell": 90, "brought_by": 4, "most": 3}}
    found["curve"] = {"reports": 400, "seconds": 6.0, "peak_per_s": 200.0, "through_after_s": 0.2, "wait_s": [0.01], "rank_age_s": curve, "page_s": []}
    return found | account.conclusions(found)


def met(found: dict) -> list[bool]:
    return [goal["measured"] <= goal["limit"] for goal in found["goals"]]


def test_a_cost_that_grows_a_process_that_swells_and_a_rank_that_is_old_do_not_pass():
    flat = concluded([part(1.0, 100), part(1.0, 110)], [0.3])
    assert met(flat) == [True, True, True, False], "a thousand in ten seconds is too slow for a million in ten minutes"
    assert met(concluded([part(1.0, 100), part(1.5, 210)], [0.3, 2.5]))[:3] == [False, False, False]
    assert met(concluded([part(1.0, 100)], [0.3], [2.5]))[2] is False, "nor one that was old in the last hour"


def test_the_last_hour_s_curve_brings_all_and_ends_at_three_times_its_mean():
    moments = [moment(number / 1000) for number in range(1001)]
    assert moments == sorted(moments)
    assert (moments[0], moments[-1]) == (0, 1)
    last = sum(at > 0.99 for at in moments[:-1])
    assert 29 <= last <= 30, "a hundredth of the hour, three hundredths of the reports"


def test_the_straight_line_counts_the_processor_time_of_services_broker_and_database():
    found = concluded([part(1.0, 100), part(1.0, 100)], [])
    assert found["first_ms"] == found["last_ms"] == 4.0
    assert round(found["cores_for_the_goal"], 2) == 6.67
    assert "nothing" not in account.table(found)
    assert account.chart(found).count("<circle") == 2


def test_every_enterprise_reports_once_about_what_it_has_a_target_for():
    country = Country(20)
    directory, taking_part = list(country.directory()), list(country.participants())
    assert len(directory) == 2 + PROVINCES + COMMUNES + 20
    assert len(taking_part) == 20 * (len(INDICATORS) + 1)
    sent = [country.report(n) for n in range(20)]
    assert len({report["unit"]["value"] for report in sent}) == 20
    assert sum(int(v["value"]) for report in sent for v in report["values"]) * 1000 == country.thousandths()
    assert [len(chunk) for chunk in chunks(iter(taking_part), 50)] == [50, 10]
