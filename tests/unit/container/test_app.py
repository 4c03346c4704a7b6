"""The contract over WSGI, with a real model: paths, content types, errors, hooks."""

import io
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from werkzeug.test import Client

from gam_model import GAMRegressor
from serving import errors
from serving.app import App
from serving.content import CSV, JSON, JSON_LINES, NPY

ROWS = np.array([[0.5], [3.0], [9.25]])
PAIRS = np.array([[0.5, 1.0], [3.0, 7.5], [9.25, 2.0]])


def post(client, data, content_type=JSON, accept=JSON, **options):
    headers = {"Accept": accept} if accept else {}
    return client.post(
        "/invocations", data=data, content_type=content_type, headers=headers, **options
    )


def bodies(rows, npy):
    """The same rows in every content type."""
    lists = rows.tolist()
    return {
        NPY: npy(rows),
        CSV: "\n".join(",".join(map(repr, row)) for row in lists).encode(),
        JSON: json.dumps(lists).encode(),
        JSON_LINES: "\n".join(map(json.dumps, lists)).encode(),
    }


def values(response):
    """The predictions in an answer of any content type."""
    if response.mimetype == NPY:
        return np.load(io.BytesIO(response.data), allow_pickle=False)
    if response.mimetype == JSON:
        return np.array(response.json)
    lines = response.data.decode().splitlines()
    return np.array([json.loads(line) for line in lines])


# Paths


def test_ping_is_200_and_empty(client):
    response = client.get("/ping")
    assert (response.status_code, response.data) == (200, b"")


def test_execution_parameters_name_the_workers(model, hooks):
    client = Client(App(model, hooks, workers=3))
    assert client.get("/execution-parameters").json == {
        "MaxConcurrentTransforms": 3,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": 6,
    }


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/invocations", "POST"),
        ("PUT", "/invocations", "POST"),
        ("POST", "/ping", "GET"),
        ("DELETE", "/execution-parameters", "GET"),
    ],
)
def test_wrong_method_is_405(client, method, path, allowed):
    response = client.open(path, method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == allowed
    assert response.text == f"{path} takes {allowed}, not {method}."


def test_unknown_path_is_404(client):
    response = client.get("/models")
    assert (response.status_code, response.text) == (404, "There is no /models here.")


# Content types


@pytest.mark.parametrize("accept", [NPY, CSV, JSON, JSON_LINES])
@pytest.mark.parametrize("content_type", [NPY, CSV, JSON, JSON_LINES])
@pytest.mark.parametrize("features", [1, 2])
def test_every_content_type_to_every_other(
    client, wide, model, wide_model, npy, content_type, accept, features
):
    served, fitted, rows = (client, model, ROWS) if features == 1 else (wide, wide_model, PAIRS)
    response = post(served, bodies(rows, npy)[content_type], content_type, accept)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == accept
    predicted = values(response)
    assert predicted.shape == (3,)
    assert predicted.dtype == np.float64
    np.testing.assert_array_equal(predicted, fitted.predict(rows))


@pytest.mark.parametrize(
    "body",
    [
        "[0.5, 3.0, 9.25]",
        "[[0.5], [3.0], [9.25]]",
        '{"instances": [0.5, 3.0, 9.25]}',
        '{"instances": [[0.5], [3.0], [9.25]]}',
    ],
)
def test_forms_of_json_for_one_feature(client, model, body):
    np.testing.assert_array_equal(values(post(client, body)), model.predict(ROWS))


@pytest.mark.parametrize("body", ["[3.0, 7.5]", "[[3.0, 7.5]]", '{"instances": [[3.0, 7.5]]}'])
def test_forms_of_json_for_one_row_of_several_features(wide, wide_model, body):
    np.testing.assert_array_equal(values(post(wide, body)), wide_model.predict(PAIRS[1:2]))


def test_json_lines_of_plain_numbers(client, model):
    response = post(client, "0.5\n\n3.0\n9.25\n", JSON_LINES)
    np.testing.assert_array_equal(values(response), model.predict(ROWS))


def test_csv_may_have_a_byte_order_mark_and_windows_line_ends(wide, wide_model):
    body = "\ufeff0.5, 1.0\r\n3.0,7.5\r\n9.25,2\r\n".encode()
    response = post(wide, body, "text/csv; charset=utf-8")
    np.testing.assert_array_equal(values(response), wide_model.predict(PAIRS))


@pytest.mark.parametrize(
    "array",
    [
        PAIRS.astype(np.float32),
        PAIRS.astype(">f8"),
        PAIRS.astype(np.int64),
        np.asfortranarray(PAIRS),
        PAIRS[1],
    ],
    ids=["float32", "big-endian", "integers", "column-major", "flat"],
)
def test_npy_of_other_layouts(wide, wide_model, npy, array):
    expected = wide_model.predict(np.atleast_2d(array).astype(float))
    np.testing.assert_array_equal(values(post(wide, npy(array), NPY)), expected)


def test_npy_version_2(client, model):
    file = io.BytesIO()
    np.lib.format.write_array(file, ROWS, version=(2, 0))
    response = post(client, file.getvalue(), NPY)
    np.testing.assert_array_equal(values(response), model.predict(ROWS))


@pytest.mark.parametrize("content_type", [NPY, CSV, JSON, JSON_LINES])
def test_a_full_6_mb_body(client, npy, content_type):
    """6,291,456 bytes is what InvokeEndpoint takes."""
    most = 6_291_456
    body = {
        NPY: npy(np.full(((most - 128) // 8, 1), 3.5)),
        CSV: b"3.5\n" * (most // 4),
        JSON: b"[" + b",".join([b"3.5"] * ((most - 1) // 4)) + b"]",
        JSON_LINES: b"3.5\n" * (most // 4),
    }[content_type]
    assert most - 8 <= len(body) <= most
    rows = (most - 128) // 8 if content_type == NPY else body.count(b"3.5")
    assert values(post(client, body, content_type, NPY)).shape == (rows,)


# Accept


@pytest.mark.parametrize("accept", [None, "*/*", "application/*;q=0.5, */*;q=0.1"])
def test_anything_is_json(client, accept):
    assert post(client, "[3.0]", accept=accept).mimetype == JSON


def test_default_accept(model, hooks):
    client = Client(App(model, hooks, default_accept=CSV))
    assert post(client, "[3.0]", accept="*/*").mimetype == CSV


@pytest.mark.parametrize("accept", ["text/html", "image/*", f"{JSON};q=0, text/plain"])
def test_unknown_accept_is_406(client, accept):
    response = post(client, "[3.0]", accept=accept)
    assert response.status_code == 406
    assert response.text == (
        "This model answers in application/json, application/jsonlines, text/csv, "
        f"application/x-npy, but the Accept header is {accept!r}."
    )


# What can't be answered


def test_unknown_content_type_is_415(client):
    response = post(client, "<rows/>", "application/xml")
    assert response.status_code == 415
    assert response.text == (
        "This model reads application/json, application/jsonlines, text/csv, application/x-npy, "
        "not application/xml."
    )


def test_no_content_type_is_415(client):
    response = client.post("/invocations", data=b"[3.0]")
    assert response.status_code == 415
    assert response.text.endswith("and the request names no content type.")


@pytest.mark.parametrize("content_type", [NPY, CSV, JSON, JSON_LINES])
@pytest.mark.parametrize("body", [b"", b" \n"], ids=["nothing", "blank"])
def test_empty_body_is_400(client, content_type, body):
    response = post(client, body, content_type)
    assert response.status_code == 400
    assert "empty" in response.text or "not an npy file" in response.text


def structured_npy(npy):
    return npy(np.array([(1.0, 2)], dtype=[("a", "f8"), ("b", "i4")]))


@pytest.mark.parametrize(
    ("content_type", "body", "sentence"),
    [
        (JSON, "{", "The body is not JSON"),
        (JSON, "[1, NaN]", "NaN is not a JSON value"),
        (JSON, "[-Infinity]", "-Infinity is not a JSON value"),
        (JSON, "[" * 100_000, "nested too deep"),
        (JSON, "3.0", "not a number"),
        (JSON, "null", "not null"),
        (JSON, '{"rows": [1]}', "not an object without 'instances'"),
        (JSON, '{"instances": 3}', "not a number"),
        (JSON, "[]", "it is empty"),
        (JSON, '["3.0"]', "a value that is not a number"),
        (JSON, "[null]", "a value that is not a number"),
        (JSON, "[[1], [1, 2]]", "the rows differ in length"),
        (JSON, "[[[1]]]", "the rows hold lists"),
        (JSON, b"\xff\xfe[", "not application/json in UTF-8"),
        (JSON, "[1e999]", "infinity"),
        (JSON_LINES, "[1]\n[2", "Line 2 is not JSON"),
        (JSON_LINES, "[1]\n[2, 3]", "the rows differ in length"),
        (JSON_LINES, '{"features": [1]}', "a value that is not a number"),
        (CSV, "dose\n1.0\n", "without a header: row 1, column 1 holds 'dose', which is no number"),
        (CSV, "1\n2,3\n", "row 2 has 2 values, row 1 has 1 value"),
        (CSV, "1\n\x00\n", r"row 2, column 1 holds '\x00', which is no number"),
        (CSV, "nan\n", "NaN"),
        (CSV, "inf\n", "infinity"),
        (CSV, b"\xe9\n", "not text/csv in UTF-8: byte 0"),
        (NPY, b"PK\x03\x04", "not an npy file"),
        (NPY, b"\x93NUMPY", "not an npy file of version 1.0 or 2.0"),
        (NPY, b"\x93NUMPY\x01\x00\xff\x00{", "header of the npy file can't be read"),
        (NPY, lambda npy: npy(ROWS)[:-1], "says 24 bytes of data for shape (3, 1), but 23 follow"),
        (NPY, lambda npy: npy(ROWS) + b"x", "but 25 follow"),
        (NPY, lambda npy: npy(np.array([[1.0], ["a"]], dtype=object)), "pickled objects"),
        (NPY, lambda npy: npy(np.array([["1.0"]])), "values of type <U3"),
        (NPY, lambda npy: npy(np.array([[1 + 2j]])), "values of type complex128"),
        (NPY, lambda npy: npy(np.array(["2026-01-01"], dtype="M8[D]")), "datetime64"),
        (NPY, structured_npy, "values of type"),
        (NPY, lambda npy: npy(np.float64(3)), "has shape (); expected (rows, features)"),
        (NPY, lambda npy: npy(np.ones((2, 2, 2))), "has shape (2, 2, 2)"),
        (NPY, lambda npy: npy(np.array([[np.nan]])), "NaN"),
        (NPY, lambda npy: npy(np.empty((0, 1))), "has shape (0, 1): it is empty"),
    ],
)
def test_unreadable_body_is_400_with_a_sentence(client, npy, content_type, body, sentence):
    response = post(client, body(npy) if callable(body) else body, content_type)
    assert response.status_code == 400
    assert response.mimetype == "text/plain"
    assert sentence in response.text
    assert "\n" not in response.text
    assert "Traceback" not in response.text


def test_pickle_in_npy_is_never_loaded(client, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("loaded").touch, ())

    file = io.BytesIO()
    np.save(file, np.array([Bomb()], dtype=object), allow_pickle=True)
    response = post(client, file.getvalue(), NPY)
    assert response.status_code == 400
    assert not (tmp_path / "loaded").exists()


@pytest.mark.parametrize("content_type", [NPY, CSV, JSON, JSON_LINES])
def test_wrong_number_of_features_says_both(client, npy, content_type):
    response = post(client, bodies(PAIRS, npy)[content_type], content_type)
    assert response.status_code == 400
    assert "2 features" in response.text
    assert "1 feature" in response.text


def test_model_that_refuses_the_range_says_so(hooks):
    x = np.linspace(0, 10, 60)
    strict = GAMRegressor(df=8, extrapolation="error").fit(x[:, None], np.sin(x))
    response = post(Client(App(strict, hooks)), "[3.0, 11.0]")
    assert response.status_code == 400
    assert "10" in response.text
    assert "\n" not in response.text


# Hooks


def test_fault_of_the_model_is_a_neutral_500(model, hooks, caplog):
    def predict_fn(data, model):
        raise KeyError("the secret of /opt/ml/model")

    response = post(Client(App(model, replace(hooks, predict_fn=predict_fn))), "[3.0]")
    assert response.status_code == 500
    assert response.text == (
        "The model could not answer this request; the container's log says why."
    )
    assert "the secret of /opt/ml/model" in caplog.text
    assert "Traceback" in caplog.text


def test_a_hook_that_exits_is_a_500_with_a_sentence(model, hooks, caplog):
    def leave(data, model):
        raise SystemExit(3)

    answer = post(Client(App(model, replace(hooks, predict_fn=leave))), "[3.0]")
    assert answer.status_code == 500
    assert answer.text == ("The model could not answer this request; the container's log says why.")
    assert "SystemExit: 3" in caplog.text


def test_prediction_that_json_cant_carry_is_500(model, hooks):
    predict_fn = lambda data, model: np.full(len(data), np.nan)  # noqa: E731
    client = Client(App(model, replace(hooks, predict_fn=predict_fn)))
    assert post(client, "[3.0]").status_code == 500
    assert post(client, "[3.0]", accept=CSV).data == b"nan\n"


def test_answers_are_logged_only_when_they_fail(client, caplog):
    caplog.set_level("DEBUG")
    assert post(client, "[3.0]").status_code == 200
    assert not caplog.records
    post(client, "[")
    assert "400 /invocations: The body is not JSON" in caplog.text


def test_input_fn_gets_text_as_str_and_the_rest_as_bytes(model, hooks):
    seen = []

    def input_fn(input_data, content_type):
        seen.append((input_data, content_type))
        return np.array([[3.0]])

    client = Client(App(model, replace(hooks, input_fn=input_fn)))
    for content_type in (JSON, "text/csv; header=absent", JSON_LINES, "image/png"):
        assert post(client, b"3", content_type).json == model.predict([[3.0]]).tolist()
    assert seen == [
        ("3", JSON),
        ("3", "text/csv; header=absent"),
        (b"3", JSON_LINES),
        (b"3", "image/png"),
    ]


def test_predict_fn_gets_the_default_input(model, hooks):
    predict_fn = lambda data, model: model.predict(data) * 2  # noqa: E731
    client = Client(App(model, replace(hooks, predict_fn=predict_fn)))
    np.testing.assert_array_equal(values(post(client, "[3.0]")), 2 * model.predict([[3.0]]))


@pytest.mark.parametrize(
    ("accept", "sent", "content_type"),
    [
        ("text/html", "text/html", "text/html"),
        ("*/*", JSON, JSON),
        ("text/html;q=0.1, image/png", "image/png", "image/png"),
    ],
)
def test_output_fn_gets_what_the_client_likes_best(model, hooks, accept, sent, content_type):
    output_fn = lambda prediction, accept: f"<p>{accept}</p>"  # noqa: E731
    response = post(Client(App(model, replace(hooks, output_fn=output_fn))), "[3.0]", JSON, accept)
    assert response.text == f"<p>{sent}</p>"
    assert response.headers["Content-Type"] == content_type


def test_output_fn_may_name_the_content_type(model, hooks):
    output_fn = lambda prediction, accept: (b"\x89PNG", "image/png")  # noqa: E731
    response = post(Client(App(model, replace(hooks, output_fn=output_fn))), "[3.0]")
    assert (response.data, response.headers["Content-Type"]) == (b"\x89PNG", "image/png")


def test_output_that_is_no_body_is_500(model, hooks, caplog):
    output_fn = lambda prediction, accept: {"y": 1}  # noqa: E731
    response = post(Client(App(model, replace(hooks, output_fn=output_fn))), "[3.0]")
    assert response.status_code == 500
    assert "not str or bytes" in caplog.text


def test_transform_fn_does_it_all(model, hooks):
    def transform_fn(model, input_data, content_type, accept):
        return f"{type(model).__name__} {input_data} {content_type} {accept}", "text/plain"

    client = Client(App(model, replace(hooks, transform_fn=transform_fn)))
    response = post(client, "3", CSV, "application/pdf")
    assert response.text == "GAMRegressor 3 text/csv application/pdf"
    assert response.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("hook", ["input_fn", "predict_fn", "transform_fn"])
def test_value_error_of_a_hook_is_400_with_its_first_line(model, hooks, hook, caplog):
    def refuse(*_):
        raise ValueError("Doses are positive.\nMore for the log.")

    client = Client(App(model, replace(hooks, **{hook: refuse})))
    response = post(client, "[3.0]")
    assert (response.status_code, response.text) == (400, "Doses are positive.")
    assert "More for the log." in caplog.text


@pytest.mark.parametrize("hook", ["input_fn", "output_fn", "transform_fn"])
def test_hooks_may_raise_the_status_themselves(model, hooks, hook):
    def refuse(*_):
        raise errors.UnsupportedMediaTypeError("Only parquet, please.")

    response = post(Client(App(model, replace(hooks, **{hook: refuse}))), "[3.0]")
    assert (response.status_code, response.text) == (415, "Only parquet, please.")


def test_threads_get_their_own_answers(client, model):
    """Several threads run requests in one worker at once."""
    results = {}

    def ask(number):
        for _ in range(50):
            results[number] = values(post(client, f"[{number}]", accept=NPY))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        np.testing.assert_array_equal(results[number], model.predict([[float(number)]]))
