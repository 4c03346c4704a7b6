"""Content of somebody else's: as a table, as JSON, as text, or not at all."""

import json

import pytest

from harness.local.page.parts.tables import CHARACTERS, COLUMNS, ROWS, shown


@pytest.mark.parametrize(
    ("value", "rows", "heads"),
    [
        ([[1, 2.5], ["a", None]], [["1", "2.5"], ["a", "null"]], ()),
        ({"predictions": [0.5, 1]}, [["0.5"], ["1"]], ()),
        (
            [{"class": "a", "p": 1}, {"class": "b", "p": 2}],
            [["a", "1"], ["b", "2"]],
            ("class", "p"),
        ),
    ],
)
def test_json_that_is_rows_is_a_table(value, rows, heads):
    found = shown(json.dumps(value).encode(), "application/json; charset=utf-8")

    assert (found.rows, found.heads) == (rows, heads)


@pytest.mark.parametrize("value", [{"a": 1, "b": 2}, [[1], {"a": 1}], [], "text", [{"a": 1}, {}]])
def test_other_json_is_readable_text(value):
    found = shown(json.dumps(value).encode(), "application/json")

    assert not found.rows
    assert found.text == json.dumps(value, indent=2)


def test_what_is_no_json_is_text_all_the_same():
    for text in ("{broken", "[" * 100_000):
        assert shown(text.encode(), "application/json").text == text[:CHARACTERS]


def test_large_tables_and_texts_are_cut_and_say_so():
    table = shown(b"1," * 60 + b"1\n" + b"2\n" * 500, "text/csv")
    text = shown(b"x" * (CHARACTERS + 1), "text/plain")

    assert len(table.rows) == ROWS
    assert len(table.rows[0]) == COLUMNS
    assert table.note == f"{ROWS} of 501 rows. {COLUMNS} of 61 columns."
    assert len(text.text) == CHARACTERS
    assert text.note


def test_what_is_no_text_is_told_by_its_size():
    assert shown(b"\x1f\x8b\x08\xff" * 100, "application/gzip").note == "400 B that are no text."
    assert not shown(b"\0" * 100, "text/csv").rows


def test_a_beginning_may_end_within_a_character():
    found = shown("aü".encode()[:2], "text/plain", is_whole=False)

    assert found.text == "a"
    assert found.note == "Its first 2 B."
