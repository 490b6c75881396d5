"""What comes in at the door has one meaning, or is refused in words that name the field."""

import json
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.registration import Role
from shared.web.strict_json import DEPTH, NotJson, clean_text, loads


def fault_of(body: bytes):
    with pytest.raises(NotJson) as refused:
        loads(body)
    return refused.value.faults[0]


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(word):
    assert word in fault_of(f'{{"value": {word}}}'.encode()).problem.vi


def test_decimals_stay_exact():
    assert loads(b"0.1") + loads(b"0.2") == Decimal("0.3")
    assert loads(b"1e400") == Decimal("1e400")
    assert loads(b"123456789012345678901234567890123456789012345") == 123456789012345678901234567890123456789012345


def test_a_number_of_a_million_digits_is_read_without_harm():
    assert isinstance(loads(b"9" * 1_000_000), Decimal)
    assert "quá lớn" in fault_of(b"1e" + b"9" * 30).problem.vi


def test_a_name_twice_in_one_object_is_refused_by_name():
    assert fault_of(b'{"a": {"value": 1, "value": 2}}').field == "value"


def test_a_name_twice_in_two_spellings_of_unicode_is_still_twice():
    name = "tỷ"
    assert unicodedata.normalize("NFD", name) != name
    body = f'{{"{name}": 1, "{unicodedata.normalize("NFD", name)}": 2}}'
    assert fault_of(body.encode()).field == name


def test_texts_and_names_become_nfc():
    body = unicodedata.normalize("NFD", '{"đơn vị": ["Mường Tè"]}')
    assert loads(body.encode()) == {"đơn vị": ["Mường Tè"]}


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\u0000"', '"x\\udfffy"'])
def test_characters_that_no_database_keeps_are_refused_where_they_stand(text):
    assert fault_of(f'{{"values": [1, {{"note": {text}}}]}}'.encode()).field == "values.1.note"


def test_a_pair_of_surrogates_is_one_character():
    assert loads(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_deep_nesting_is_refused_and_allowed_depth_is_not():
    assert loads(b"[" * DEPTH + b"]" * DEPTH)
    for depth in (DEPTH + 2, 5_000, 200_000):
        assert str(DEPTH) in fault_of(b"[" * depth + b"]" * depth).problem.vi


def test_other_encodings_are_refused():
    assert "UTF-8" in fault_of('{"a": "é"}'.encode("latin-1")).problem.vi
    assert "UTF-8" in fault_of('{"a": "é"}'.encode("utf-16")).problem.vi


def test_broken_json_is_refused_with_its_place():
    fault = fault_of(b'{\n "a": 1,\n}')
    assert "JSON" in fault.problem.vi
    assert "dòng 3" in fault.cure.vi or "dòng 2" in fault.cure.vi


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufffd")),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("abcđêỷ", max_size=5), inner, max_size=5),
    max_leaves=20,
)


@given(json_values)
def test_whatever_is_valid_is_read_as_the_standard_library_reads_it_but_in_nfc(value):
    body = unicodedata.normalize("NFC", json.dumps(value, ensure_ascii=False))
    assert loads(body.encode()) == json.loads(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_but_never_crash(body):
    try:
        loads(body)
    except NotJson as refused:
        assert refused.faults[0].render("en")


def test_line_ends_of_browsers_become_plain():
    assert clean_text("a\r\nb") == "a\nb"


async def test_a_wrong_number_names_its_field_and_the_cure(web):
    answer = await web.client().post("/reporting/api/figures", json={"values": [{"indicator": "a", "value": "1,234.5"}]})
    assert answer.status_code == 422
    fault = answer.json()["faults"][0]
    assert fault["field"] == "values.0.value"
    assert "12,5" in fault["message"]


async def test_exact_numbers_reach_the_use_case(web):
    body = b'{"values": [{"indicator": "a", "value": 0.1}, {"indicator": "b", "value": 12345678901234567.89}]}'
    answer = await web.client().post("/reporting/api/figures", content=body, headers={"content-type": "application/json"})
    assert answer.json()["values"] == ["0.1", "12345678901234567.89"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"values": [{"indicator": "a", "value": NaN}]}', "values.0.value"),
        (b'{"values": [{"indicator": "a", "value": 1, "value": 2}]}', "value"),
        (b'{"values": [{"indicator": "a", "value": 1, "note": "\\ud800"}]}', "values.0.note"),
        (b'{"values": [{"indicator": "a", "value": 1, "extra": 2}]}', "values.0.extra"),
        (b'{"values": [{"indicator": "a"}]}', "values.0.value"),
        (b'{"values": {"indicator": "a"}}', "values"),
        (b"[" * 100_000, ""),
        (b'"just a text"', "body"),
    ],
)
async def test_bad_bodies_are_unprocessable_never_a_failure(web, body, field):
    answer = await web.client().post("/reporting/api/figures", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    fault = answer.json()["faults"][0]
    assert fault["field"] == field
    assert fault["message"]


async def test_a_body_that_does_not_say_it_is_json_is_told_so(web):
    answer = await web.client().post("/reporting/api/figures", content=b'{"values": []}')
    assert answer.status_code == 415
    assert "application/json" in answer.json()["faults"][0]["message"]


async def test_forms_are_read_as_strictly(web):
    client = web.client(Role.CLERK)
    client.headers["x-csrf"] = client.officer.csrf
    nfd = unicodedata.normalize("NFD", "tỷ đồng")
    assert (await client.post("/reporting/notes", data={"note": nfd})).json() == {"note": "tỷ đồng"}
    assert (await client.post("/reporting/notes", data={"note": "a\r\nb"})).json() == {"note": "a\nb"}
    assert (await client.post("/reporting/notes", files={"note": (None, nfd)})).json() == {"note": "tỷ đồng"}
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    for bad in (b"note=%00", b"note=%ff"):
        answer = await client.post("/reporting/notes", content=bad, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["faults"][0]["field"] == "note"
