"""pytest fixtures for anybody's container: a target, images, jobs and endpoints.

Installing the harness is enough for pytest to find them. Everything is made by its first use only,
and removed when the test session ends, also when tests fail. `--harness-target=aws`, or
HARNESS_TARGET, runs the very same tests on AWS.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from docker import DockerClient
    from pluggy import Result

    from harness.check.run import Results
    from harness.config.settings import Settings
    from harness.local.aws import LocalAWS
    from harness.session import LocalSession
    from harness.testing.factories import Factories
    from harness.testing.faults import Faults
    from harness.testing.resources import Endpoint, ProcessingJob, TrainingJob, TransformJob
    from harness.testing.shared import SharedLocalAWS
    from harness.testing.target import Target

_MARKERS = {
    "local_only": "runs on the local AWS only (--harness-target=local)",
    "aws_only": "runs on AWS only (--harness-target=aws): it costs money",
}

_made: Sequence[Any] = ()
"""What the factories of this process have made, for the reports of tests that fail."""

_MADE_BEFORE = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "Amazon SageMaker, local or real")
    group.addoption(
        "--harness-target",
        choices=("local", "aws"),
        default=os.environ.get("HARNESS_TARGET") or "local",
        help="where the tests' jobs and endpoints run (or HARNESS_TARGET); local by default",
    )
    group.addoption(
        "--harness-price-limit",
        type=float,
        metavar="USD",
        help="on aws: what the suite may cost at the most; what would go beyond it isn't started",
    )


def pytest_configure(config: pytest.Config) -> None:
    for name, text in _MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {text}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what isn't meant for the target."""
    target = config.getoption("--harness-target")
    other = "aws_only" if target == "local" else "local_only"
    for item in items:
        if item.get_closest_marker(other):
            item.add_marker(pytest.mark.skip(reason=f"{other}, and --harness-target is {target}"))


# Settings and target.


@pytest.fixture(scope="session")
def harness_settings(request: pytest.FixtureRequest) -> Settings:
    """The settings of the nearest harness.toml, on the target of `--harness-target`."""
    from harness.config import loading

    environ = os.environ | {"HARNESS_TARGET": request.config.getoption("--harness-target")}
    return loading.load(environ=environ)


@pytest.fixture(scope="session")
def local_aws(
    harness_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalAWS | SharedLocalAWS]:
    """A running local AWS; `local_aws.url` is its endpoint URL. xdist's workers share one."""
    local, region = harness_settings.local, harness_settings.region
    if "PYTEST_XDIST_WORKER" in os.environ:
        from harness.testing.shared import SharedLocalAWS

        folder = tmp_path_factory.getbasetemp().parent  # which is the same for all workers
        faults = harness_settings.faults
        with SharedLocalAWS(
            folder, region, local.account_id, local.registry, faults, local.gpu
        ) as shared:
            yield shared
        return
    from harness.local.aws import LocalAWS

    faults = harness_settings.faults
    with LocalAWS(
        region, local.account_id, registry=local.registry, faults=faults, gpu=local.gpu
    ) as server:
        yield server


@pytest.fixture
def faults(request: pytest.FixtureRequest, harness_settings: Settings) -> Iterator[Faults]:
    """Lets the local AWS go wrong on demand: `faults.add(operation="CreateTrainingJob",
    error="Throttling", count=2)`.

    They are gone after the test, which fails where one has never happened: see
    `harness.testing.faults.Faults.add`.
    """
    from harness.testing.faults import Faults

    if harness_settings.target != "local":
        pytest.skip("only the local AWS has faults on demand")
    url = harness_settings.local.endpoint_url or request.getfixturevalue("local_aws").url
    faults = Faults(url)
    yield faults
    if problems := faults.close():
        pytest.fail("; ".join(problems), pytrace=False)


@pytest.fixture(scope="session")
def docker_client() -> Iterator[DockerClient]:
    """A client of the Docker engine, which is set up if that is possible."""
    from harness.image import docker_engine

    client = docker_engine.ensure(_say)
    yield client
    client.close()


@pytest.fixture(scope="session")
def harness_target(request: pytest.FixtureRequest, harness_settings: Settings) -> Iterator[Target]:
    """Where the suite's jobs and endpoints run; what is left of them there goes in the end."""
    from harness.flow.connection import Connection, connect
    from harness.local.core.client import ensure_bucket, local_boto_session
    from harness.testing.target import Target

    def docker() -> DockerClient:
        client: DockerClient = request.getfixturevalue("docker_client")
        return client

    if harness_settings.target == "local":
        url = harness_settings.local.endpoint_url or request.getfixturevalue("local_aws").url
        boto = local_boto_session(url, harness_settings.region)
        ensure_bucket(boto, harness_settings.local.bucket)
        connection = Connection(boto, ephemeral=not harness_settings.local.endpoint_url)
        docker()  # jobs run in it
        with Target(harness_settings, connection, docker) as target:
            yield target
        return
    from harness.testing.budget import Budget

    with connect(harness_settings) as connection:
        limit = request.config.getoption("--harness-price-limit")
        budget = Budget(connection.boto, harness_settings.region, limit)
        with Target(harness_settings, connection, docker, budget) as target:
            yield target


@pytest.fixture(scope="session")
def sagemaker_session(harness_target: Target) -> Any:
    """A session of the SageMaker SDK on the target, for whatever takes a `sagemaker_session`."""
    from harness import session

    settings, connection = harness_target.settings, harness_target.connection
    return session.on(settings, connection)


@pytest.fixture(scope="session")
def local_session(local_aws: LocalAWS, harness_settings: Settings) -> LocalSession:
    """A SageMaker SDK session on `local_aws`, whatever the target is."""
    from harness.session import LocalSession

    return LocalSession(
        default_bucket=harness_settings.local.bucket,
        endpoint_url=local_aws.url,
        region_name=local_aws.region,
    )


# Factories: each call makes something, and waits for it.


@pytest.fixture(scope="session")
def harness_factories(
    harness_target: Target, tmp_path_factory: pytest.TempPathFactory
) -> Factories:
    """What the factories below have in common."""
    global _made
    from harness.config import extras

    extras.provide("flow", "a fixture that makes jobs or endpoints", _say)
    from harness.testing.factories import Factories

    factories = Factories(harness_target, tmp_path_factory.mktemp("harness"))
    _made = factories.made
    return factories


@pytest.fixture(scope="session")
def sagemaker_image(harness_target: Target) -> Callable[..., str]:
    """Makes an image's name: `sagemaker_image()` of the project, `sagemaker_image("folder")` of a
    folder with a Dockerfile, `sagemaker_image("name:tag")` of one that exists. Built once."""
    return harness_target.image


@pytest.fixture(scope="session")
def training_job(harness_factories: Factories) -> Callable[..., TrainingJob]:
    """Makes training jobs: see `harness.testing.factories.Factories.training_job`."""
    return harness_factories.training_job


@pytest.fixture(scope="session")
def processing_job(harness_factories: Factories) -> Callable[..., ProcessingJob]:
    """Makes processing jobs: see `harness.testing.factories.Factories.processing_job`."""
    return harness_factories.processing_job


@pytest.fixture(scope="session")
def transform_job(harness_factories: Factories) -> Callable[..., TransformJob]:
    """Makes batch transform jobs: see `harness.testing.factories.Factories.transform_job`."""
    return harness_factories.transform_job


@pytest.fixture(scope="session")
def endpoint(harness_factories: Factories) -> Callable[..., Endpoint]:
    """Makes endpoints: see `harness.testing.factories.Factories.endpoint`."""
    return harness_factories.endpoint


@pytest.fixture(scope="session")
def container_check(harness_target: Target) -> Callable[..., Results]:
    """Checks an image against SageMaker's container contract, and fails where it departs from it.

    `container_check()` is about the project's image with its data, and `container_check("name:tag",
    train={"train": path}, payload=b"1,2", content_type="text/csv", only=["serving"])` about any:
    see `harness.check.run.assert_contract`.
    """
    from harness.config import extras

    extras.provide("flow", "the fixture container_check", _say)
    from harness.check import project
    from harness.check.inputs import Inputs
    from harness.check.run import assert_contract

    def check(image: str | Path | None = None, **options: Any) -> Results:
        name = harness_target.built(image)
        given = {key: options.pop(key) for key in Inputs.__match_args__ if key in options}
        if image is not None:
            return assert_contract(name, **given, **options)
        with project.inputs(harness_target.settings) as own:
            whole = Inputs(**given).over(own)
            return assert_contract(name, **vars(whole), **options)

    return check


# The report of a test that fails.


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    item.stash[_MADE_BEFORE] = len(_made)
    return (yield)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, Result[pytest.TestReport], None]:
    """Add what the test's jobs and endpoints say: state, reason, last lines of their logs."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed or not _made:
        return
    used = [*_made[item.stash.get(_MADE_BEFORE, 0) :]]
    for value in getattr(item, "funcargs", {}).values():
        if value in _made and value not in used:
            used.append(value)
    for resource in used:
        report.sections.append((f"SageMaker {resource.what}", resource.summary()))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
