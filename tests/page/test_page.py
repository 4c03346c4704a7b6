"""The page in a browser: what a person sees and does there, by mouse, keyboard or reader."""

from __future__ import annotations

import json
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import SCHEMES, WIDTHS
from tests.page.stage import BUCKET, HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.page.stage import Stage

pytestmark = pytest.mark.timeout(240)

JOB = "/_harness/page/sagemaker/TrainingJob"
ENDPOINT = "/_harness/page/sagemaker/Endpoint/house-prices"
PIPELINE = "/_harness/page/sagemaker/Pipeline/house-prices"
LONG = "a-training-job-with-a-name-as-long-as-sagemaker-lets-it-be-0123"

PAGES = {
    "overview": "/",
    "failed": "/?status=failed",
    "empty": "/?region=eu-west-1",
    "job": f"{JOB}/house-prices-2026-11-26",
    "failed-job": f"{JOB}/house-prices-broken-0",
    "running-job": f"{JOB}/{LONG}",
    "tuning": "/_harness/page/sagemaker/HyperParameterTuningJob/house-prices-tuning",
    "endpoint": ENDPOINT,
    "model": "/_harness/page/sagemaker/Model/house-prices",
    "group": "/_harness/page/sagemaker/ModelPackageGroup/house-prices",
    "package": "/_harness/page/sagemaker/ModelPackage/house-prices%2F2",
    "configuration": "/_harness/page/sagemaker/EndpointConfig/house-prices",
    "pipeline": PIPELINE,
    "others": "/_harness/page/others",
    "nothing-else": "/_harness/page/others?region=eu-west-1",
    "experiment": "/_harness/page/sagemaker/Experiment/house-prices",
    "trial": "/_harness/page/sagemaker/Trial/house-prices-deep",
    "component": "/_harness/page/sagemaker/TrialComponent/house-prices-2026-11-26-aws-training-job",
    "record": "/_harness/page/records/FeatureGroup/house-prices-features",
    "buckets": "/_harness/page/s3",
    "folder": f"/_harness/page/s3/list?bucket={BUCKET}",
    "csv": f"/_harness/page/s3/object?bucket={BUCKET}&key=train/part-1.csv",
    "json": f"/_harness/page/s3/object?bucket={BUCKET}&key=reports/summary.json",
    "log-groups": "/_harness/page/logs",
    "log-streams": "/_harness/page/logs/group?group=/aws/sagemaker/TrainingJobs",
}


def execution(stage: Stage, display: str) -> str:
    return f"/_harness/page/sagemaker/PipelineExecution/house-prices%2F{stage.executions[display]}"


AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

SHOTS = os.environ.get("HARNESS_SCREENSHOTS", "")
"""A folder that gets a picture of each page, to be looked at."""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_accessible_and_fits(browser: Browser, stage: Stage, scheme, width) -> None:
    context = browser.new_context(
        base_url=stage.url, color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    page = context.new_page()
    wrong = {}
    executions = {f"execution-{each}": execution(stage, each) for each in stage.executions}
    for name, path in {**PAGES, **executions}.items():
        answer = page.goto(path)
        assert answer is not None
        assert answer.ok, name
        page.evaluate(
            "document.querySelectorAll('details').forEach((each) => { each.open = true })"
        )
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{scheme}-{width}.png", full_page=True)
        page.evaluate(AXE)
        for found in page.evaluate("axe.run()")["violations"]:
            wrong[name, found["id"]] = [node["html"] for node in found["nodes"]][:3]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wrong[name, "too wide"] = []
    context.close()
    assert not wrong


def test_what_runs_is_first_and_what_failed_is_folded(page: Page) -> None:
    page.goto("/")

    sections = page.get_by_role("heading", level=2).all_inner_texts()
    assert sections[0].startswith("Running")
    running = page.get_by_role("region", name="Running")
    expect(running.get_by_role("link", name=LONG)).to_be_visible()
    failed = page.get_by_role("link", name="house-prices-broken-2")
    expect(failed).to_be_hidden()
    # Four by themselves, and the one of the pipeline's execution that fails.
    jobs = page.get_by_role("region", name=re.compile("^Training jobs"))
    jobs.get_by_text("5 failed").click()
    expect(failed).to_be_visible()
    # What was opened stays open when the page brings itself up to date.
    with page.expect_response(lambda answer: answer.url.endswith("/")):
        pass
    page.wait_for_function("document.querySelector('time')")
    expect(failed).to_be_visible()


def test_search_looks_at_once_and_keeps_the_focus(page: Page) -> None:
    page.goto("/")
    field = page.get_by_role("searchbox", name="Search")
    field.press_sequentially("broken-1")

    expect(page.get_by_role("link", name="house-prices-broken-1")).to_be_visible()
    expect(page.get_by_role("link", name="house-prices-2026-11-26")).to_have_count(0)
    expect(field).to_be_focused()
    expect(field).to_have_value("broken-1")
    assert "q=broken-1" in page.url


def test_a_failed_job_says_why_with_the_lines_of_its_log(page: Page) -> None:
    page.goto(PAGES["failed-job"])
    failure = page.get_by_role("region", name="Why it failed")

    expect(failure).to_contain_text("could not convert string to float: 'n/a' in column <price>")
    lines = failure.get_by_role("region", name="Lines of the log")
    expect(lines).to_contain_text(re.compile(r"^Traceback \(most recent call last\)"))
    expect(lines).to_contain_text("in <module>")


def test_a_job_has_its_plots_data_and_links(page: Page) -> None:
    page.goto(PAGES["job"])

    for name in ("train:loss", "CPUUtilization", "MemoryUtilization"):
        expect(page.get_by_role("img", name=re.compile(f"^{name} over"))).to_be_visible()
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline).to_contain_text(re.compile(r"Training\s*[\d.]+ s"))
    expect(page.get_by_role("region", name="Hyperparameters")).to_contain_text("depth")
    expect(page.get_by_role("region", name="Tags")).to_contain_text("forecasting")
    expect(page.get_by_role("region", name="Channels")).to_contain_text("train/part-2.csv")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download Model").click()
    assert downloading.value.suggested_filename == "model.tar.gz"
    # job → model → endpoint → job
    overview = page.get_by_role("region", name="Overview")
    overview.get_by_role("link", name="house-prices", exact=True).click()
    page.wait_for_url("**/Model/house-prices?*")
    page.get_by_text("Endpoint", exact=True).locator("+ dd a").click()
    page.wait_for_url("**/Endpoint/house-prices?*")
    page.get_by_text("Trained by").locator("+ dd a").click()
    page.wait_for_url("**/house-prices-2026-11-26?*")


def test_an_endpoint_has_plots_of_what_it_uses(page: Page) -> None:
    page.goto(ENDPOINT)

    for name in ("CPUUtilization", "MemoryUtilization"):
        expect(page.get_by_role("img", name=re.compile(f"^{name} over"))).to_be_visible()


def test_an_experiment_leads_to_its_job(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Others").click()
    section = page.get_by_role("region", name=re.compile("^Experiments"))
    section.get_by_role("link", name="house-prices", exact=True).click()
    page.get_by_role("link", name="house-prices-deep", exact=True).click()
    page.get_by_role("link", name="house-prices-2026-11-26-aws-training-job").click()
    page.get_by_text("Training job", exact=True).locator("+ dd a").click()
    page.wait_for_url("**/TrainingJob/house-prices-2026-11-26?*")


def test_a_record_says_that_nothing_runs_for_it(page: Page) -> None:
    page.goto(f"{PAGES['others']}?q=features")
    page.get_by_role("link", name="house-prices-features").click()
    expect(page.get_by_text("nothing runs for it")).to_be_visible()
    expect(page.get_by_role("region", name="Description")).to_contain_text('"FeatureType"')
    expect(page.get_by_role("region", name="Tags")).to_contain_text("forecasting")


def test_a_log_is_followed_and_filtered(page: Page) -> None:
    page.goto(PAGES["running-job"])
    log = page.get_by_role("log")
    rows = log.locator(".row")
    before = rows.count()
    expect(page.get_by_text("following")).to_be_visible()
    expect(rows.nth(before + 1)).to_be_attached()
    texts = rows.all_inner_texts()
    assert len(texts) == len(set(texts))  # none twice

    page.get_by_role("searchbox", name="Filter").fill("epoch=1 loss=0.8387")
    expect(log.locator(".row:visible")).to_have_count(1)
    with page.expect_download() as downloading:
        page.get_by_role("link", name=re.compile("Download the log")).click()
    assert "epoch=1 loss" in Path(downloading.value.path()).read_text()


def test_an_endpoint_is_invoked_with_a_text_and_with_a_file(page: Page, tmp_path: Path) -> None:
    page.goto(ENDPOINT)
    page.get_by_label("Accept").fill("application/json")
    page.get_by_label("Request").fill("1,2\n3,4.5")
    page.get_by_role("button", name="Invoke").click()
    answer = page.locator("#answer")

    expect(answer.get_by_role("cell")).to_have_text(["3.0", "7.5"])
    expect(answer).to_contain_text(re.compile(r"200\s+[\d.]+ ms · application/json · AllTraffic"))
    expect(page.get_by_label("Request")).to_have_value("1,2\n3,4.5")
    answer.get_by_text("The same as code").click()
    expect(answer).to_contain_text("aws sagemaker-runtime invoke-endpoint")

    file = tmp_path / "rows.csv"
    file.write_text("10,20\n")
    page.get_by_label("Accept").fill("text/csv")
    page.get_by_label("or a file").set_input_files(file)
    page.get_by_role("button", name="Invoke").click()
    expect(answer.get_by_role("cell")).to_have_text(["30.0"])

    page.get_by_label("Request").fill(HOSTILE)
    page.get_by_role("button", name="Invoke").click()
    expect(answer).to_contain_text("ModelError")
    expect(answer).to_contain_text("400")
    assert page.title() != "owned"


def test_a_job_is_stopped_by_its_button_with_the_keyboard_alone(page: Page, stage: Stage) -> None:
    stage.train("to-be-stopped", epochs="2000", pause="0.5")
    page.goto(f"{JOB}/to-be-stopped")
    summary = page.locator("summary", has_text="Stop …")
    for _ in range(30):
        page.keyboard.press("Tab")
        if summary.evaluate("each => each === document.activeElement"):
            break
    page.keyboard.press("Enter")
    copy = page.get_by_role("button", name="Copy: AWS CLI")
    expect(copy).to_be_visible()
    copy.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert " aws sagemaker stop-training-job --training-job-name to-be-stopped " in copied
    page.get_by_role("button", name="Stop to-be-stopped").press("Enter")

    # The page sees it through by itself.
    expect(page.locator(".title .status")).to_have_text("Stopped", timeout=60_000)
    assert stage.ended("to-be-stopped")["TrainingJobStatus"] == "Stopped"


def test_a_graph_leads_from_a_step_to_its_job_and_back(page: Page, stage: Stage) -> None:
    page.goto(execution(stage, "succeeds"))
    graph = page.get_by_role("region", name="The steps as a graph")
    expect(graph.get_by_role("img", name="IsGoodEnough, Condition, Succeeded")).to_be_visible()
    left_out = graph.get_by_role("img", name="TellThatItIsNotGoodEnough, Fail, Not run")
    expect(left_out).to_be_visible()
    graph.get_by_role("link", name="TrainModel, Training, Succeeded").click()
    page.wait_for_url("**/TrainingJob/*")
    page.get_by_text("Step of", exact=True).locator("+ dd a").click()
    page.wait_for_url("**/PipelineExecution/*")


def test_a_failed_execution_shows_the_log_of_the_step_that_failed(page: Page, stage: Stage) -> None:
    page.goto(execution(stage, "fails"))
    failure = page.get_by_role("region", name="Why it failed")
    expect(failure.get_by_role("link", name="TrainModel")).to_be_visible()
    lines = failure.get_by_role("region", name="Lines of the log of TrainModel")
    expect(lines).to_contain_text(re.compile(r"^Traceback \(most recent call last\)"))


def test_a_graph_scrolls_within_its_box_and_stays_there_as_it_is_live(
    browser: Browser, stage: Stage
) -> None:
    context = browser.new_context(base_url=stage.url, viewport={"width": 390, "height": 900})
    page = context.new_page()
    page.goto(execution(stage, "runs"))
    box = page.locator("#graph")
    box.evaluate("each => { each.scrollLeft = 60 }")
    for _ in range(2):
        with page.expect_response(lambda answer: "/PipelineExecution/" in answer.url):
            pass
    assert box.evaluate("each => each.scrollLeft") == 60
    context.close()


@pytest.mark.parametrize("display", ["succeeds", "fails", "runs"])
def test_an_execution_is_whole_on_a_phone(browser: Browser, stage: Stage, display: str) -> None:
    context = browser.new_context(base_url=stage.url, viewport={"width": 390, "height": 900})
    page = context.new_page()
    page.goto(execution(stage, display))
    # Nothing of the table is cut off, and the graph opens where there is something to see.
    table = page.get_by_role("region", name="Table of steps")
    assert table.evaluate("each => each.scrollWidth <= each.clientWidth")
    graph = page.get_by_role("region", name="The steps as a graph")
    assert graph.evaluate("each => each.scrollWidth > each.clientWidth")
    box = graph.bounding_box()
    first = graph.locator(".node", has_text="PrepareData").bounding_box()
    assert box is not None
    assert first is not None
    assert box["x"] <= first["x"]
    assert first["x"] + first["width"] <= box["x"] + box["width"]
    context.close()


def test_a_pipeline_is_started_with_its_form_and_stopped(page: Page) -> None:
    page.goto(PIPELINE)
    page.locator("summary", has_text="Start …").click()
    page.get_by_label("Epochs").fill("1999")
    page.get_by_role("button", name="Start house-prices").click()
    page.wait_for_url("**/PipelineExecution/*")
    expect(page.get_by_role("region", name="Parameters")).to_contain_text("1999")
    page.locator("summary", has_text="Stop …").click()
    page.get_by_role("button", name=re.compile("^Stop house-prices")).click()
    expect(page.locator(".title .status")).to_have_text("Stopped", timeout=60_000)


def test_an_object_is_uploaded_looked_at_and_downloaded(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "new.json"
    file.write_text(json.dumps([{"a": 1}, {"a": 2}]))
    page.goto(f"{PAGES['folder']}&prefix=uploads/")
    page.get_by_label("Upload a file here").set_input_files(file)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_role("link", name="new.json", exact=True).click()

    expect(page.get_by_role("columnheader")).to_have_text(["a"])
    expect(page.get_by_role("cell")).to_have_text(["1", "2"])
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download").click()
    assert Path(downloading.value.path()).read_bytes() == file.read_bytes()


def test_an_object_with_a_script_in_it_runs_none(page: Page) -> None:
    key = quote(f"reports/{HOSTILE}.txt")
    page.goto(f"/_harness/page/s3/object?bucket={BUCKET}&key={key}")

    expect(page.get_by_role("region", name="Content")).to_have_text(HOSTILE)
    assert page.title() != "owned"


def test_the_page_works_without_scripts(browser: Browser, stage: Stage) -> None:
    context = browser.new_context(base_url=stage.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/?q=broken-1")
    expect(page.get_by_role("link", name="house-prices-broken-1")).to_be_visible()
    page.goto(ENDPOINT)
    page.get_by_label("Request").fill("1,2")
    page.get_by_role("button", name="Invoke").click()
    expect(page.locator("#answer").get_by_role("cell")).to_have_text(["3.0"])
    context.close()


def test_a_foreign_page_can_neither_read_nor_press_anything(browser: Browser, stage: Stage) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("http://attacker.example/", lambda route: route.fulfill(body="<p>hello", status=200))
    page.goto("http://attacker.example/")
    reads: Any = page.evaluate(
        "url => fetch(url, {method: 'POST', body: 'token='}).then(() => 'read', () => 'refused')",
        f"{stage.url}{ENDPOINT}",
    )
    assert reads == "refused"
    page.evaluate(
        "url => { const frame = document.createElement('iframe'); frame.src = url;"
        " document.body.append(frame) }",
        f"{stage.url}/",
    )
    page.wait_for_timeout(500)
    framed = [frame for frame in page.frames if "Local AWS" in frame.content()]
    assert not framed
    context.close()
