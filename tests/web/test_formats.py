"""How people read numbers, days and lists of names."""

import random
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.formats import (
    NOTHING,
    clock,
    day,
    duration,
    filters,
    moment,
    money,
    number,
    percent,
    person_key,
    signed,
    sort_key,
    time_left,
)

DEADLINE = datetime(2023, 10, 30, 10, 0, tzinfo=UTC)


def test_numbers_have_a_decimal_comma_and_dots_between_thousands():
    assert number(Decimal("1234567.50")) == "1.234.567,5"
    assert number(1542) == "1.542"
    assert number(Decimal("1234567.5"), lang="en") == "1,234,567.5"


def test_rounding_is_half_up_as_taught_in_school():
    assert [number(Decimal(v), 1) for v in ("0.25", "0.35", "-0.25")] == ["0,3", "0,4", "-0,3"]


def test_zero_has_no_sign_and_nothing_is_not_zero():
    assert number(Decimal("-0.04"), 1) == "0,0"
    assert [signed(Decimal(v)) for v in ("0", "2.5", "-2.5")] == ["0", "+2,5", "-2,5"]
    assert signed(Decimal("0.04"), 1) == "0,0"
    assert [f(None) for f in (number, signed, percent, money, day, moment, duration, clock)] == [NOTHING] * 8


def test_large_numbers_are_written_out_whole():
    assert number(Decimal("1E+20")) == "100.000.000.000.000.000.000"
    assert number(Decimal("12345678901234567890123456789012345.5")) == "12.345.678.901.234.567.890.123.456.789.012.345,5"


def test_percentages_are_given_in_percent():
    assert percent(Decimal("52.43")) == "52,4%"
    assert percent(Decimal("52.43"), 2, lang="en") == "52.43%"


def test_money_is_told_in_the_words_of_a_budget():
    assert money(Decimal(350)) == "350 triệu đồng"
    assert money(Decimal(1_542_000)) == "1.542 tỷ đồng"
    assert money(Decimal(12500)) == "12,5 tỷ đồng"
    assert money(Decimal(12500), lang="en") == "12.5 billion dong"


def test_days_and_instants_are_those_of_lai_chau():
    assert day(date(2023, 10, 30)) == "30/10/2023"
    assert day(datetime(2023, 10, 30, 17, 30, tzinfo=UTC)) == "31/10/2023"
    assert day(date(203, 1, 2)) == "02/01/0203"
    assert moment(DEADLINE) == "17:00 ngày 30/10/2023"
    assert moment(DEADLINE, lang="en") == "17:00, 30 Oct 2023"
    assert clock(DEADLINE) == "17:00:00 30/10/2023"


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (timedelta(days=3, hours=4, minutes=5), "còn 3 ngày 4 giờ"), (timedelta(hours=1), "còn 1 giờ"),
        (timedelta(days=1, minutes=5), "còn 1 ngày"), (timedelta(minutes=59, seconds=59), "còn 59 phút 59 giây"),
        (timedelta(0), "còn 0 giây"), (timedelta(hours=-2), "quá hạn 2 giờ"),
    ],
)  # fmt: skip
def test_a_deadline_tells_what_is_left_of_it(left, told):
    assert time_left(left) == told


def test_a_length_of_time_is_never_rounded_up():
    assert duration(3599.9) == "59 phút 59 giây"
    assert duration(0.4, lang="en") == "0 s"


OFFICIAL = ["An", "Ăn", "Ân", "Bum Nưa", "Dào San", "Đào", "Điện Biên", "Hua Bum", "Khoen On", "Lê Lợi", "Mù Cả", "Mường Kim",
            "Mường Tè", "Nậm Ban", "Nậm Cuổi", "Nùng Nàng", "Phong Thổ", "Sìn Hồ", "Tà Tổng", "Thèn Sin", "Ứng", "Vàng Ma Chải"]  # fmt: skip


def shuffled(items):
    return random.Random(1).sample(items, len(items))


def test_names_sort_in_vietnamese_order():
    assert sorted(shuffled(OFFICIAL), key=sort_key) == OFFICIAL
    assert sorted(OFFICIAL) != OFFICIAL, "code points do not give this order"


def test_every_letter_has_its_place_and_every_tone_its_own():
    letters = list("aăâbcdđeêghiklmnoôơpqrstuưvxy")
    assert sorted(shuffled(letters), key=sort_key) == letters
    tones = ["ma", "mà", "mả", "mã", "má", "mạ"]
    assert sorted(shuffled(tones), key=sort_key) == tones


def test_letters_count_before_tones_and_tones_before_capitals():
    assert sorted(["Bản Mế", "ban", "Ban", "bán", "bàn", "bao"], key=sort_key) == ["ban", "Ban", "bàn", "bán", "Bản Mế", "bao"]


def test_numbers_inside_names_count_as_numbers():
    assert sorted(["Cụm 10", "Cụm 2", "Cụm 1"], key=sort_key) == ["Cụm 1", "Cụm 2", "Cụm 10"]


@given(st.text(max_size=8), st.text(max_size=8))
def test_any_two_texts_can_be_compared(one, other):
    assert (sort_key(one) < sort_key(other)) or (sort_key(other) <= sort_key(one))


@given(st.text("ạâắăbđêềơưu ", max_size=6))
def test_the_spelling_in_unicode_does_not_matter(text):
    assert sort_key(unicodedata.normalize("NFD", text))[:3] == sort_key(unicodedata.normalize("NFC", text))[:3]


def test_people_sort_by_given_name_then_middle_then_family_name():
    people = ["Lò Văn Ánh", "Nguyễn Thị Bình", "Giàng A Chu", "Vàng A Chu", "Lò Thị Chu"]
    assert sorted(shuffled(people), key=person_key) == people


def test_filters_speak_the_language_of_their_reader():
    vietnamese, english = filters("vi"), filters("en")
    assert vietnamese["number"](Decimal("1.5")) == "1,5"
    assert english["number"](Decimal("1.5")) == "1.5"
    assert english["day"](date(2023, 10, 30)) == "30 Oct 2023"
    assert vietnamese["vietnamese"](["Đ", "E", "D"]) == ["D", "Đ", "E"]
