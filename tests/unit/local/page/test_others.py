"""What the first page has no lists of: experiments, and records of every kind."""

from __future__ import annotations

import html
import re
import urllib.error
import urllib.request
from typing import Any

import pytest

from harness.local.core.client import local_boto_session
from tests.unit.local.records.kinds_of_records import KINDS, Lab, Made

REGION = "eu-north-1"
"""In which no other test makes anything."""

OTHERS = f"/_harness/page/others?region={REGION}"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def url(aws: Any) -> str:
    return str(aws.sagemaker.meta.endpoint_url)


@pytest.fixture(scope="module")
def session(url: str) -> Any:
    return local_boto_session(url, REGION)


@pytest.fixture(scope="module")
def made(session: Any) -> dict[str, Made]:
    """A record of each kind."""
    lab = Lab(session)
    return {noun: lab.make(noun) for noun in KINDS}


def shown(url: str, path: str) -> str:
    asked = urllib.request.Request(f"{url}{path}", headers={"Accept": "text/html"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return str(answer.read().decode())


def links(page: str, kind: str) -> list[str]:
    found = re.findall(rf'<a class="name" href="(/_harness/page/{kind}/[^"]+)"', page)
    return [html.unescape(each) for each in found]


def test_every_kind_of_record_is_listed_and_has_its_page(
    url: str, session: Any, made: dict[str, Made]
) -> None:
    page = shown(url, OTHERS)
    lab = Lab(session)
    for noun, record in made.items():
        arn = lab.described(record)[record.kind.arn_member]
        pages = [shown(url, each) for each in links(page, f"records/{noun}")]
        (own,) = (each for each in pages if arn in each.partition("Description<")[0])
        assert "a record: nothing runs for it" in own
        assert f"the answer of Describe{noun}" in own
    titles = re.findall(r"<h2 [^>]*>([^<]+)<", page)
    assert {"User profiles", "Code repositories", "MLflow apps", "AI workload configs"} <= {*titles}


def test_a_search_finds_records_by_their_names(url: str, made: dict[str, Made]) -> None:
    name = made["CodeRepository"].request["CodeRepositoryName"]
    page = shown(url, f"{OTHERS}&q={name.upper()}")
    (link,) = links(page, "records/CodeRepository")
    assert f"/{name}?" in link
    assert not links(page, "records/Workteam")
    assert "Nothing has “no-such-name” in its name" in shown(url, f"{OTHERS}&q=no-such-name")


def test_tags_are_shown(url: str, session: Any) -> None:
    name = "tagged-repository"
    session.client("sagemaker").create_code_repository(
        CodeRepositoryName=name, GitConfig={"RepositoryUrl": "https://example.com/a.git"},
        Tags=[{"Key": "team", "Value": "forecasting"}],
    )  # fmt: skip
    page = shown(url, f"/_harness/page/records/CodeRepository/{name}?region={REGION}")
    assert "forecasting" in page
    assert "https://example.com/a.git" in page


@pytest.mark.parametrize("path", ["records/CodeRepository/gone", "records/Nonsense/x"])
def test_what_is_not_there_is_404(url: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        shown(url, f"/_harness/page/{path}")
    assert refused.value.code == 404


def test_an_experiment_leads_to_its_trial_and_that_to_its_components(
    url: str, session: Any
) -> None:
    sagemaker = session.client("sagemaker")
    sagemaker.create_experiment(ExperimentName="houses", Description=HOSTILE)
    sagemaker.create_trial(TrialName="deeper", ExperimentName="houses", DisplayName="DeeperTrees")
    sagemaker.create_trial_component(TrialComponentName="depth-9")
    sagemaker.associate_trial_component(TrialName="deeper", TrialComponentName="depth-9")

    page = shown(url, OTHERS)
    (experiment,) = links(page, "sagemaker/Experiment")
    own = shown(url, experiment)
    assert html.escape(HOSTILE) in own
    assert HOSTILE not in own
    trial = f"/_harness/page/sagemaker/Trial/deeper?region={REGION}"
    component = f"/_harness/page/sagemaker/TrialComponent/depth-9?region={REGION}"
    assert f'href="{trial}"' in own
    own = shown(url, trial)
    assert "DeeperTrees" in own
    assert f'href="{experiment}"' in own
    assert f'href="{component}"' in own
    assert f'href="{trial}"' in shown(url, component)
    # The first page has none of them.
    assert "houses" not in shown(url, f"/?region={REGION}")
