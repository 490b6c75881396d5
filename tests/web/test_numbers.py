"""Numbers: what is written is read exactly, what has two readings is asked back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messages import Refused
from shared.numbers import DIGITS, limited, parse, write
from shared.web.formats import number

values = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**11), max_value=10**11) | st.integers(
    -(10**DIGITS) + 1, 10**DIGITS - 1
).map(Decimal)


def refusal(text: str):
    with pytest.raises(Refused) as refused:
        parse(text, "values.0.value")
    (fault,) = refused.value.faults
    assert fault.field == "values.0.value"
    assert fault.cure is not None, "a refusal says what to write instead"
    return fault


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1234", "1234"), ("1234,5", "1234.5"), ("1.234.567,8", "1234567.8"), ("1.234,5", "1234.5"), ("1.234.567", "1234567"),
        ("12.5", "12.5"), ("12,5", "12.5"), ("-3,2", "-3.2"), ("−3,2", "-3.2"), ("+7", "7"), ("0,125", "0.125"), ("0.125", "0.125"),
        ("1234,567", "1234.567"), ("1,2340", "1.2340"), ("  12,5 ", "12.5"), ("\u00a012,5\n", "12.5"), ("0", "0"), ("-0", "0"),
        ("999.999.999.999.999.999", "999999999999999999"),
    ],
)  # fmt: skip
def test_what_has_one_reading_is_read(text, value):
    assert str(parse(text)) == value


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("1.234", "1234"), ("1.234", "1,2340"), ("1,234", "1234"), ("-12.345", "-12,3450"), ("1,234.5", "1234,5"),
        ("1,234,567", "1234567"), ("1 234,5", "1234,5"), ("1 234", "1234"),
    ],
)  # fmt: skip
def test_what_has_two_readings_is_asked_back_with_each_of_them_written_out(text, cure):
    assert cure in refusal(text).cure.vi


@pytest.mark.parametrize(
    "text",
    ["", "   ", "NaN", "nan", "inf", "-Infinity", "1e400", "1E5", "1_000", "0x10", "١٢٣", "\uff11\uff12", "²", "12 tỷ", "12,5%", "5,", ",5", "5.",
     "--1", "+-1", "1.23,5", "1.2.3", "1,2,3", "1.234.56", "1..2", "1'234", "1\u03005", "½", "9" * 19, "9" * 100_000, "1," + "0" * 30,
     "<script>", "{0}", "1;2", "1\n2"],
)  # fmt: skip
def test_what_is_no_number_is_refused_with_a_cure(text):
    fault = refusal(text)
    assert len(fault.render("vi")) < 300, "a refusal does not repeat a page of digits"
    assert fault.render("en") != fault.render("vi")


@given(values)
def test_what_we_write_into_a_field_is_read_back_as_the_same_number(value):
    assert parse(write(value)) == value


@given(values)
def test_what_we_show_is_read_back_as_the_same_number_or_asked_about_never_misread(value):
    try:
        assert parse(number(value)) == value
    except Refused as refused:
        assert "hai cách" in refused.faults[0].problem.vi


@given(st.text("0123456789.,-+ eE%", max_size=12))
def test_any_writing_is_read_or_refused_and_a_cure_it_offers_is_itself_read(text):
    try:
        parse(text)
    except Refused as refused:
        (fault,) = refused.faults
        for name in ("example", "whole", "fraction"):
            if name in fault.cure.parameters:
                parse(fault.cure.parameters[name])


@given(st.integers(0, 10**12), st.text("0123456789", min_size=1, max_size=5))
def test_both_decimal_marks_mean_the_same_wherever_they_are_accepted(whole, fraction):
    readings = set()
    for mark in ",.":
        try:
            readings.add(parse(f"{whole}{mark}{fraction}"))
        except Refused:
            readings.add(None)
    assert len(readings) == 1


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "1e18", "1e-19", "1234567890123456789"])
def test_numbers_that_come_as_json_keep_the_same_limits(value):
    with pytest.raises(Refused):
        limited(Decimal(value), "value")


def test_a_number_within_the_limits_passes_unchanged():
    assert limited(Decimal("123456789012345.678")) == Decimal("123456789012345.678")
