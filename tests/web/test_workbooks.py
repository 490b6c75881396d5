"""Workbooks hold what was put into them, and no formula that somebody wrote into a name."""

import io

import openpyxl

from shared.web import workbooks


def test_a_text_that_begins_like_a_formula_stays_a_text():
    book = openpyxl.Workbook()
    for line, text in enumerate(("=1+1", "Tên", "=HYPERLINK(1)"), 1):
        workbooks.put(book.worksheets[0], line, 1, text)
    answer = workbooks.as_file(workbooks.packed(book), "Xếp hạng")
    assert "filename*=UTF-8''X%E1%BA%BFp" in answer.headers["content-disposition"]
    sheet = openpyxl.load_workbook(io.BytesIO(answer.body)).worksheets[0]
    assert [(row[0].value, row[0].data_type) for row in sheet.iter_rows()] == [("=1+1", "s"), ("Tên", "s"), ("=HYPERLINK(1)", "s")]
