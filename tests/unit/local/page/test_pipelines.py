"""The pages of pipelines and executions: what they show, and what their buttons do."""

from __future__ import annotations

import html
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
PAGE = "/_harness/page/sagemaker"
HOSTILE = "<script>alert(1)</script>"
WAIT = 30


def definition(queue):
    """Ask waits for an answer, whose outcome decides whether Done or Broken follows."""

    def fail(name):
        message = f"because {HOSTILE}"
        return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}}

    def condition(name, value, if_steps=(), else_steps=()):
        comparison = {"Type": "Equals", "LeftValue": value, "RightValue": "yes"}
        arguments = {
            "Conditions": [comparison], "IfSteps": list(if_steps), "ElseSteps": list(else_steps)
        }  # fmt: skip
        return {"Name": name, "Type": "Condition", "Arguments": arguments}

    ask = {
        "Name": "Ask", "Type": "Callback", "SqsQueueUrl": queue, "Arguments": {},
        "OutputParameters": [{"OutputName": "answer"}], "DisplayName": f"Ask {HOSTILE}",
    }  # fmt: skip
    answer = {"Get": "Steps.Ask.OutputParameters['answer']"}
    return json.dumps({
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "Who", "Type": "String", "DefaultValue": f"us {HOSTILE}"},
            {"Name": "How", "Type": "String", "DefaultValue": "well", "EnumValues": ["well", "ill"]}
        ],
        "Steps": [ask, condition("Decide", answer, [condition("Done", "yes")], [fail("Broken")])],
    })  # fmt: skip


class Pages:
    """The pages of a pipeline, as a browser gets them."""

    def __init__(self, aws, name):
        self.sagemaker = aws.sagemaker
        self.name = name
        self.url = aws.sagemaker.meta.endpoint_url
        self.path = f"{PAGE}/Pipeline/{name}"
        self.queue = aws.session.client("sqs").create_queue(QueueName=name)["QueueUrl"]

    def look(self, path, **fields):
        """The page at a path, or the one that the answer to a form leads to, and its path."""
        asked = urllib.request.Request(self.url + path, headers={"Accept": "text/html"})
        if fields:
            asked.data = urllib.parse.urlencode(fields).encode()
            asked.add_header("Origin", self.url)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.read().decode(), urllib.parse.urlsplit(answer.url).path
        except urllib.error.HTTPError as error:
            return error.read().decode(), path

    def press(self, path, **fields):
        shown, _ = self.look(path)
        token = re.findall(r'name="token" value="([^"]+)"', shown)[0]
        return self.look(path, token=token, **fields)

    def start(self, **parameters):
        """The page of a new execution, and its path."""
        fields = {f"parameter.{name}": value for name, value in parameters.items()}
        return self.press(self.path, action="Start", **fields)

    def until(self, path, text):
        """The page, once it has that text."""
        deadline = time.monotonic() + WAIT
        while text not in (shown := self.look(path)[0]):
            assert time.monotonic() < deadline, f"{text} is not there within {WAIT} s: {shown}"
            time.sleep(0.05)
        return shown

    def answer(self, path, answer):
        """Answer the callback of an execution."""
        shown = self.until(path, "waits for an answer to token")
        (token,) = re.findall(r"answer to token (\w+)", shown)
        self.sagemaker.send_pipeline_execution_step_success(
            CallbackToken=token, OutputParameters=[{"Name": "answer", "Value": answer}]
        )


@pytest.fixture
def pages(aws, new):
    pages = Pages(aws, new("pages"))
    aws.sagemaker.create_pipeline(
        PipelineName=pages.name, RoleArn=ROLE, PipelineDefinition=definition(pages.queue)
    )
    return pages


def said(shown):
    """The steps of the graph, as a reader says them."""
    return re.findall(r'<(?:a|g) class="node[^>]* aria-label="([^"]+)"', shown)


def test_a_pipeline_has_its_graph_its_steps_and_its_parameters(pages):
    shown, _ = pages.look(pages.path)
    escaped = html.escape(HOSTILE)
    assert said(shown) == [
        f"Ask {escaped}, Callback", "Decide, Condition", "Done, Condition", "Broken, Fail"
    ]  # fmt: skip
    assert re.findall(r'class="branch"[^>]*>(\w+)<', shown) == ["true", "false"]
    assert "if Decide is true" in shown
    assert f'name="parameter.Who" value="us {escaped}"' in shown
    assert re.search(r'<select name="parameter.How">\s*<option selected>well</option>', shown)
    assert HOSTILE not in shown
    assert "aws sagemaker start-pipeline-execution --pipeline-name" in shown


def test_an_execution_is_started_and_followed_to_its_end(pages):
    shown, path = pages.start(Who="me", How="ill")
    assert path.startswith(f"{PAGE}/PipelineExecution/{pages.name}%2F")
    assert "data-live=" in shown
    assert f'href="{pages.path}?' in shown
    assert re.search(r"<dt[^>]*>Who</dt><dd[^>]*>me</dd>", shown)
    assert "Decide, Condition, Waiting" in said(shown)
    pages.answer(path, "yes")
    shown = pages.until(path, '<p class="now"><span class="status good">Succeeded<')
    assert [each.rpartition(", ")[2] for each in said(shown)] == [
        "Succeeded", "Succeeded", "Succeeded", "Not run"
    ]  # fmt: skip
    assert "came to true" in shown
    assert "answer=yes" in shown
    assert "Timeline" in shown
    assert "data-live=" not in shown
    assert f'href="{path}?' in pages.look(pages.path)[0]
    assert f'href="{path}?' in pages.look(f"/?q={pages.name}")[0]


def test_a_failed_execution_says_which_step_failed_and_is_retried(pages):
    _, path = pages.start()
    pages.answer(path, "no")
    shown = pages.until(path, 'id="failure"')
    reason = shown[shown.index('id="failure"') :].partition("</section>")[0]
    assert "Broken<small>Fail step</small>" in reason
    assert f"because {html.escape(HOSTILE)}" in reason
    assert "retry-pipeline-execution --pipeline-execution-arn arn:aws:" in shown
    assert said(shown)[2] == "Done, Condition, Not run"
    assert HOSTILE not in shown
    pages.press(path, action="Retry")
    pages.until(path, "Broken, Fail, Failed")


def test_an_execution_is_stopped_and_its_pipeline_deleted(pages):
    _, path = pages.start()
    pages.until(path, "waits for an answer to token")
    shown, _ = pages.press(pages.path, action="Delete")
    assert "has executions that run" in shown
    pages.press(path, action="Stop")
    pages.answer(path, "no")  # who was asked is still waited for, as on AWS
    shown = pages.until(path, '<p class="now"><span class="status quiet">Stopped<')
    assert "Decide, Condition, Not run" in said(shown)
    pages.press(pages.path, action="Delete")
    assert "There is no pipeline" in pages.look(pages.path)[0]
    assert "There is no pipeline execution" in pages.look(path)[0]


def test_a_start_that_is_refused_says_why(pages):
    shown, _ = pages.start(How="otherwise")
    assert "Parameter [How] value &#39;otherwise&#39; must be one of [well, ill]." in shown


def test_what_a_step_made_leads_to_its_execution(aws, pages, new):
    _, path = pages.start()
    arn = aws.sagemaker.list_pipeline_executions(PipelineName=pages.name)[
        "PipelineExecutionSummaries"
    ][0]["PipelineExecutionArn"]
    name = new("model")
    aws.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image:1"},
        Tags=[{"Key": "sagemaker:pipeline-execution-arn", "Value": arn}],
    )  # fmt: skip
    assert f'Step of</dt><dd><a href="{path}?' in pages.look(f"{PAGE}/Model/{name}")[0]
    pages.press(path, action="Stop")
