"""Rules for containers that batch transform runs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.check import contract, payloads
from harness.check.contract import check
from harness.check.verdict import NotTriedError, failed, passed, warned

if TYPE_CHECKING:
    from harness.check.subject import Subject
    from harness.check.verdict import Verdict

ENVIRONMENT = {
    "SAGEMAKER_BATCH": "true",
    "SAGEMAKER_MAX_PAYLOAD_IN_MB": "6",
    "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD",
    "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "1",
}
RECORDS = 3
GET_TIMEOUT = 10


@check("batch", "environment", contract.BATCH)
def environment(subject: Subject) -> Verdict:
    """It serves with the variables of batch transform: SAGEMAKER_BATCH=true and its kin."""
    subject.server()
    conditions = replace(subject.conditions(), environment=ENVIRONMENT)
    remedy = "let SAGEMAKER_BATCH change nothing but what batch transform needs"
    with subject.another(conditions) as server:
        if server.problem:
            return failed(f"with SAGEMAKER_BATCH=true, {server.words}", remedy)
        if subject.inputs.payload is None:
            return passed("it is healthy with SAGEMAKER_BATCH=true")
        usual, found = subject.answered(), subject.invoke(server)
        if found.status != usual.status:
            return failed(f"with SAGEMAKER_BATCH=true it answers {found.words}", remedy)
    return passed("it serves with SAGEMAKER_BATCH=true")


@check("batch", "execution-parameters", contract.BATCH)
def execution_parameters(subject: Subject) -> Verdict:
    """`GET /execution-parameters`, where it is served, answers in JSON what batch transform reads.

    That is MaxConcurrentTransforms, BatchStrategy and MaxPayloadInMB. It need not be served.
    """
    found = subject.server().get("/execution-parameters", GET_TIMEOUT)
    remedy = (
        'answer {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", '
        '"MaxPayloadInMB": 6}, or 404'
    )
    if found.status is not None and 400 <= found.status < 500:
        return passed(f"not served ({found.status}): the job's own parameters hold")
    if found.status != 200:
        return failed(f"GET /execution-parameters: {found.words}", remedy)
    try:
        problem = _problem(json.loads(found.body))
    except ValueError:
        problem = "it is not JSON"
    if problem:
        return failed(f"GET /execution-parameters: {problem} ({found.words})", remedy)
    return passed(found.words)


def _problem(answer: Any) -> str:
    if not isinstance(answer, dict):
        return "it is no JSON object"
    for name, most in (("MaxConcurrentTransforms", None), ("MaxPayloadInMB", 100)):
        value = answer.get(name, 1)
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        if not whole or (most and value > most):
            return f"{name} is {value!r}"
    strategy = answer.get("BatchStrategy", "MULTI_RECORD")
    if strategy not in {"MULTI_RECORD", "SINGLE_RECORD"}:
        return f"BatchStrategy is {strategy!r}"
    return ""


@check("batch", "records", contract.BATCH)
def records(subject: Subject) -> Verdict:
    """A csv of several records is answered with as many records, in lines or a list.

    Batch transform joins them to their inputs by their place.
    """
    usual = subject.answered()
    kind = subject.inputs.content_type
    if payloads.media_type(kind) not in payloads.LINES:
        raise NotTriedError(f"{kind} has no records in lines", "give a --payload of text/csv")
    body = payloads.repeated(subject.payload(), kind, RECORDS) or b""
    with subject.shared_lock:
        found = subject.invoke(subject.server(), body)
    if found.status != 200:
        return failed(f"{RECORDS} times the records: {found.words}", "answer every line of a body")
    counts = [
        payloads.records(each.body, each.headers.get("content-type", "")) for each in (usual, found)
    ]
    if None in counts or not counts[0]:
        raise NotTriedError("it isn't known how to count the records of its answers")
    if counts[1] != RECORDS * counts[0]:
        return warned(
            f"{RECORDS} times the records give {counts[1]} answers where once gave {counts[0]}",
            "answer every line of a body with a line",
        )
    return passed(f"{counts[0]} and {counts[1]} answers")
