"""Filters and the join of batch transform."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.local.data.records import RecordError
from harness.local.jobs.transform.filters import CSV, JSON, JSON_LINES, Path, Processing

DOCUMENT = {
    "id": 7,
    "features": [10, 11, 12, 13, 14],
    "deep": {"a": {"x": 1}, "b": {"x": 2}},
    "SageMakerOutput": {"label": 1},
}


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "selected"),
        [
            ("$", DOCUMENT),
            ("$.id", 7),
            ("$['id']", 7),
            ("$.deep.a.x", 1),
            ("$['deep']['b'].x", 2),
            ("$['id','SageMakerOutput']", {"id": 7, "SageMakerOutput": {"label": 1}}),
            ("$.deep.['a', 'b']", {"a": {"x": 1}, "b": {"x": 2}}),
            ("$.deep.*", [{"x": 1}, {"x": 2}]),
            ("$.deep[*].x", [1, 2]),
            ("$.features[0]", 10),
            ("$.features[-1]", 14),
            ("$.features[0,-1]", [10, 14]),
            # Both ends belong to a slice, says the developer guide.
            ("$.features[1:3]", [11, 12, 13]),
            ("$.features[:1]", [10, 11]),
            ("$.features[3:]", [13, 14]),
            ("$.features[0,3:]", [10, 13, 14]),
            ("$.features[-2:]", [13, 14]),
            ("$.features.*", [10, 11, 12, 13, 14]),
        ],
    )
    def test_selections(self, path, selected):
        assert Path.parse(path, JSON).apply(DOCUMENT) == selected

    @given(st.lists(st.integers(), max_size=6), st.integers(-8, 8))
    def test_an_index_is_pythons(self, values, index):
        path = Path.parse(f"$[{index}]", CSV)
        if -len(values) <= index < len(values):
            assert path.apply(values) == values[index]
        else:
            with pytest.raises(RecordError, match=f"index {index} is out of range"):
                path.apply(values)

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("$.features[0,9]", r"\$\.features\[0,9\]: index 9 is out of range, there are 5"),
            ("$.features[:5]", "index 5 is out of range"),
            ("$.nothing", 'there is no "nothing"'),
            ("$['id','nothing']", 'there is no "nothing"'),
            ("$.id.x", "the data has no such part"),
            ("$[0]", "the data has no such part"),
            ("$.features.x", "the data has no such part"),
        ],
    )
    def test_what_is_not_there(self, path, words):
        with pytest.raises(RecordError, match=words):
            Path.parse(path, JSON).apply(DOCUMENT)

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("id", "begins with"),
            ("", "begins with"),
            ("$..id", '"..id" is not part'),
            ("$[", r'"\[" is not part'),
            ("$[1:2:3]", "is not part"),
            ("$['id',0]", "is not part"),
            ("$[1 2]", "is not part"),
            ("$['a','b'].c", "at the end of a JsonPath only"),
            (
                "$['account_id']",
                'Unexpected "_" in JsonPath. Supported operators for "application/json" are',
            ),
            ("$[?(1)]", 'Unexpected "?"'),
        ],
    )
    def test_what_is_no_path(self, path, words):
        with pytest.raises(RecordError) as raised:
            Path.parse(path, JSON)
        assert words.replace("\\", "") in str(raised.value)

    @pytest.mark.parametrize("path", ["$.a", "$['a']", "$[0].a", "$[0][1]"])
    def test_csv_has_indexes_only(self, path):
        with pytest.raises(RecordError, match="only index based JSONPaths"):
            Path.parse(path, "text/csv; charset=utf-8")


def processing(content_type, input_filter="$", output_filter="$", join=True, by_line=True):
    given, written = (Path.parse(text, content_type) for text in (input_filter, output_filter))
    return Processing(content_type, by_line, given, join, written)


fields = st.text(st.characters(exclude_characters="\n\r\x00", codec="utf-8"), min_size=1)


class TestProcessing:
    def test_csv(self):
        both = processing(CSV, "$[1:]", "$[0,-1]")
        assert both.to_model(b"id,1,2") == b"1,2"
        assert both.from_model(b"a,1,2\nb,3,4\n", b"0.5\n0.25\n") == b"a,0.5\nb,0.25"

    def test_csv_in_quotes(self):
        both = processing(CSV, "$[1]")
        assert both.to_model(b'id,"a, ""b"""') == b'"a, ""b"""'
        assert both.from_model(b'id,"a, ""b"""', b'"x,y"') == b'id,"a, ""b""","x,y"'

    @given(st.lists(fields, min_size=1), st.lists(fields, min_size=1))
    def test_joined_rows_are_the_input_then_the_answer(self, row, answer):
        def line(values):
            text = io.StringIO()
            csv.writer(text, lineterminator="").writerow(values)
            return text.getvalue().encode()

        joined = processing(CSV).from_model(line(row), line(answer))
        assert joined == line([*row, *answer])

    def test_json_gets_the_answer_as_an_attribute(self):
        both = processing(JSON, "$.features", "$['id','SageMakerOutput']")
        record = b'{"id": 1, "features": [1, 2]}'
        assert both.to_model(record) == b"[1,2]"
        assert both.from_model(record, b'{\n "label": 1\n}') == (
            b'{"id":1,"SageMakerOutput":{"label":1}}'
        )

    def test_what_is_no_object_becomes_one(self):
        assert processing(JSON).from_model(b"[1, 2]", b"3") == (
            b'{"SageMakerInput":[1,2],"SageMakerOutput":3}'
        )

    def test_json_lines(self):
        both = processing(JSON_LINES)
        assert both.from_model(b'{"a":1}\n\n{"a":2}\n', b'"x"\n\n"y"\n') == (
            b'{"a":1,"SageMakerOutput":"x"}\n{"a":2,"SageMakerOutput":"y"}'
        )

    def test_the_output_filter_alone(self):
        alone = processing(CSV, output_filter="$[1]", join=False)
        assert alone.from_model(b"a", b"1,2\n3,4\n5,6\n") == b"2\n4\n6"  # whatever came in

    def test_an_answer_that_nothing_changes_stays_as_it_is(self):
        unchanged = processing(JSON, "$.a", join=False)
        assert unchanged.from_model(b'{"a":1}', b"{ not JSON") == b"{ not JSON"

    @given(st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False,
                                                                         allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8,
    ))  # fmt: skip
    def test_json_values_pass_unchanged(self, value):
        joined = processing(JSON).from_model(b'{"a":1}', json.dumps(value).encode())
        assert json.loads(joined) == {"a": 1, "SageMakerOutput": value}

    def test_half_a_surrogate_pair_stays_escaped(self):
        joined = processing(JSON).from_model(b"{}", rb'"\ud800"')
        assert joined == rb'{"SageMakerOutput":"\ud800"}'

    @pytest.mark.parametrize("answer", [b"1\n", b"1\n2\n3\n", b""])
    def test_an_answer_of_other_length_is_not_joined(self, answer):
        with pytest.raises(RecordError, match="mismatched line count"):
            processing(CSV).from_model(b"a\nb", answer)

    @pytest.mark.parametrize(
        ("content_type", "record", "answer", "words"),
        [
            (JSON, b"{", b"1", "Failed to parse input as JSON"),
            (JSON, b"1", b"{", "Failed to parse output from the algorithm as JSON"),
            (JSON, b"1", b"NaN", "Failed to parse output from the algorithm as JSON"),
            (JSON, b"1", b"1e999", "Failed to parse output from the algorithm as JSON"),
            (JSON, b"\xff", b"1", "Failed to parse input as JSON"),
            (JSON, b"[" * 100_000, b"1", "Failed to parse input as JSON"),
            (CSV, b'"a', b"1", "Failed to parse input as CSV"),
            (CSV, b'"a"b', b"1", "Failed to parse input as CSV"),
            (CSV, b"a", b"\x93NUMPY", "Failed to parse output from the algorithm as CSV"),
        ],
    )
    def test_what_is_not_of_the_content_type(self, content_type, record, answer, words):
        with pytest.raises(RecordError, match=words):
            processing(content_type).from_model(record, answer)

    def test_a_field_may_be_long(self):
        long = b"x" * 1_000_000
        assert processing(CSV, "$[1]").to_model(b"id," + long) == long

    def test_several_records(self):
        both = processing(CSV, "$[0]")
        assert both.to_model(b"1,x\r\n\r\n2,y\r\n") == b"1\n2"
        assert both.from_model(b"1,x\r\n\r\n2,y\r\n", b"3\r\n4\r\n") == b"1,x,3\n2,y,4"

    def test_a_document_that_is_all_of_a_request(self):
        document = b'{\n "a": 1\n}'
        assert processing(JSON, by_line=False).from_model(document, b"[\n2\n]") == (
            b'{"a":1,"SageMakerOutput":[2]}'
        )
        with pytest.raises(RecordError, match="Failed to parse input as JSON"):
            processing(JSON).from_model(document, b"2")
