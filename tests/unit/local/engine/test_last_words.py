"""Which line of a log says why its container has failed."""

import pytest

from harness.local.engine.log_lines import KEPT, MAX_WORDS, NEAR, LastWords


def words(*lines):
    found = LastWords()
    for line in lines:
        found.add(line)
    return found


NGINX_PING = (
    "2026/11/26 04:35:58 [error] 31#31: *460 connect() failed (111: Connection refused) while "
    'connecting to upstream, client: 172.17.0.1, request: "GET /ping HTTP/1.1"'
)
PINGS = [
    '172.17.0.1 - - [26/Nov/2026:04:35:58 +0000] "GET /ping HTTP/1.1" 502 157 "-" "python"',
    NGINX_PING,
    'INFO:     172.17.0.1:41734 - "GET /ping HTTP/1.1" 404 Not Found',
    '[GIN] 2026/11/26 - 04:35:58 | 404 | 1.2us | 172.17.0.1 | GET      "/ping"',
    '{"method": "GET", "path": "/ping", "status": 503}',
    "GET http://model:8080/ping 404",
]
TRACEBACK = [
    "Traceback (most recent call last):",
    '  File "/opt/program/serve.py", line 3, in <module>',
    "    load()",
    "    ^^^^^^",
    "KeyError: 118",
]

POINTER = "2026-11-26 04:35:58,123 ERROR serve: model.pkl is a Git-LFS pointer"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["one", "the last words", "", "  "], "the last words"),
        (["botocore: S3 error: 403 Forbidden", *PINGS * 80], "botocore: S3 error: 403 Forbidden"),
        (["[error] no bucket", "retrying", *PINGS], "[error] no bucket"),
        (PINGS[:1] * 9, PINGS[0]),
        (PINGS * 9, NGINX_PING),
        ([*TRACEBACK, "the server has ended"], "KeyError: 118"),
        (
            ["2026 ERROR serve: model_fn can't load it: KeyError: 118", *TRACEBACK],
            "2026 ERROR serve: model_fn can't load it: KeyError: 118",
        ),
        (
            ["[7] [ERROR] Exception in worker process", *TRACEBACK, "[7] [INFO] Worker exiting"],
            "[7] [ERROR] Exception in worker process: KeyError: 118",
        ),
        (
            [*TRACEBACK, "[1] [ERROR] Shutting down: Master", "[1] [ERROR] Worker failed to boot."],
            "KeyError: 118",
        ),
        (
            [
                *TRACEBACK, "",
                "During handling of the above exception, another exception occurred:",
                "", *TRACEBACK[:-1], "RuntimeError: The model cannot be loaded:", "no pickle",
                "no JSON",
            ],
            "RuntimeError: The model cannot be loaded: no pickle",
        ),
        (
            ["ERROR a", *TRACEBACK, "",
             "The above exception was the direct cause of the following exception:",
             *TRACEBACK[:-1], "ValueError: b"],
            "ERROR a: ValueError: b",
        ),
        (["W-9000 " + line for line in TRACEBACK], "KeyError: 118"),
        (
            ['Exception in thread "main" java.lang.IllegalStateException: no model',
             "\tat com.example.Main.main(Main.java:3)", "Caused by: java.io.IOException: gone",
             "\tat com.example.LoadException.of(Main.java:9)"],
            "Caused by: java.io.IOException: gone",
        ),
        (["panic: no model", "", "goroutine 1 [running]:", "exit status 2"], "panic: no model"),
        (["Error: Cannot find module 'x'", "    at Module._load", "Node.js v18.1"],
         "Error: Cannot find module 'x'"),
        (["thread 'main' panicked at src/main.rs:3:5:", "no model", "note: run with"],
         "thread 'main' panicked at src/main.rs:3:5: no model"),
        (["sh: error while loading shared libraries: libgomp.so.1", "bye"],
         "sh: error while loading shared libraries: libgomp.so.1"),
        (['{"level":"error","msg":"no model"}', '{"level":"info","msg":"bye"}'],
         '{"level":"error","msg":"no model"}'),
        (["[0] train-error:0.1", "error: 0.25", "validation error 0.3", "Error = 1", "killed"],
         "killed"),
        (["ERROR no GPU", *(f"epoch {number}" for number in range(KEPT + 1))], f"epoch {KEPT}"),
        (["ERROR no GPU", *(f"epoch {number}" for number in range(KEPT))], "ERROR no GPU"),
        (["ERROR: model.pkl is a Git-LFS pointer, not a model.", "INFO a", "INFO b", *TRACEBACK],
         "ERROR: model.pkl is a Git-LFS pointer, not a model: KeyError: 118"),
        ([POINTER, "loading", "[7] [ERROR] Exception in worker process", *TRACEBACK,
          "[7] [INFO] Worker exiting (pid: 7)", "[1] [ERROR] Worker failed to boot."],
         f"{POINTER}: KeyError: 118"),
        ([POINTER, "[1] ERROR in app: Exception on /ping [GET]", *TRACEBACK],
         f"{POINTER}: KeyError: 118"),
        ([POINTER, "a", *TRACEBACK, *TRACEBACK[:-1], "AssertionError"],
         f"{POINTER}: AssertionError"),
        (["ERROR serve:", "it is a pointer", "a", *TRACEBACK],
         "ERROR serve: it is a pointer: KeyError: 118"),
        ([POINTER, *TRACEBACK, *TRACEBACK], f"{POINTER}: KeyError: 118"),
        ([POINTER, *TRACEBACK, "",
          "During handling of the above exception, another exception occurred:", "",
          *TRACEBACK[:2], *["    deep()"] * 30, "SystemExit: 1"], f"{POINTER}: SystemExit: 1"),
        ([POINTER, "a", *TRACEBACK[:-1], "AssertionError"], f"{POINTER}: AssertionError"),
        ([POINTER, "a", *TRACEBACK[:-1], "StopIteration"], f"{POINTER}: StopIteration"),
        ([POINTER, "a", *TRACEBACK[:-1], "Exception"], f"{POINTER}: Exception"),
        ([POINTER, "a", *TRACEBACK[:-1], "KeyError: 'a b'"], f"{POINTER}: KeyError: 'a b'"),
        ([POINTER, "a", "ERROR serve: KeyError: 118"], f"{POINTER}: ERROR serve: KeyError: 118"),
        (['{"level":"critical","msg":"it is no model"}', "a", *TRACEBACK],
         '{"level":"critical","msg":"it is no model"}: KeyError: 118'),
        ([POINTER, "a", *TRACEBACK[:-1], "ValueError: no model"], "ValueError: no model"),
        ([POINTER, *["a"] * (NEAR - 1), *TRACEBACK], f"{POINTER}: KeyError: 118"),
        ([POINTER, *["a"] * NEAR, *TRACEBACK], "KeyError: 118"),
        (["ERROR no GPU", "a", *TRACEBACK], "KeyError: 118"),
        (["x" * 100_000], "x" * MAX_WORDS),
        ([], ""),
    ],
)  # fmt: skip
def test_the_line_that_says_why(lines, expected):
    assert str(words(*lines)) == expected


def test_what_the_words_are():
    assert words().said == ""
    assert words("one", "two").said == "its last log line: two"
    assert words("one", "Error: two").said == "its last log line: Error: two"
    assert words("Error: one", "two").said == "its log says: Error: one"
    assert words(*TRACEBACK).said == "its last log line: KeyError: 118"
