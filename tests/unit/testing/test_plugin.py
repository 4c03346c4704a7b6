"""What pytest itself sees of the plugin; no Docker."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester, monkeypatch):
    """Runs a suite in a process of its own and returns its result."""
    monkeypatch.delenv("HARNESS_TARGET", raising=False)

    def suite(text, *arguments):
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rs", *arguments)

    return suite


MARKED = """
    import pytest

    @pytest.mark.aws_only
    def test_there(): pass

    @pytest.mark.local_only
    def test_here(): pass

    def test_anywhere(): pass
"""


def test_markers_choose_by_target(suite):
    local = suite(MARKED, "--strict-markers")
    local.assert_outcomes(passed=2, skipped=1)
    local.stdout.fnmatch_lines(["*aws_only, and --harness-target is local*"])
    suite(MARKED, "--harness-target=aws").assert_outcomes(passed=2, skipped=1)


def test_the_variable_is_the_options_default(suite, monkeypatch):
    monkeypatch.setenv("HARNESS_TARGET", "aws")
    suite(MARKED).stdout.fnmatch_lines(["*local_only, and --harness-target is aws*"])


def test_nothing_is_started_for_tests_that_use_nothing(suite):
    text = """
        import sys

        def test_no_imports():
            heavy = {"sagemaker", "docker", "moto", "boto3", "numpy", "pydantic"}
            assert not heavy & sys.modules.keys()
    """
    suite(text).assert_outcomes(passed=1)


def test_settings_have_the_target_of_the_option(suite, pytester):
    (pytester.path / "harness.toml").write_text('target = "aws"\nregion = "eu-west-1"\n')
    text = """
        def test_settings(harness_settings):
            assert (harness_settings.target, harness_settings.region) == ("local", "eu-west-1")
    """
    suite(text).assert_outcomes(passed=1)


@pytest.mark.slow
def test_workers_share_one_local_aws(suite):
    text = """
        import boto3, pytest

        @pytest.mark.parametrize("number", range(4))
        def test_url(local_aws, number, tmp_path_factory):
            folder = tmp_path_factory.getbasetemp().parent
            (folder / f"new-{number}").write_text(local_aws.url)
            (folder / f"new-{number}").rename(folder / f"url-{number}")  # none is half there
            assert len({f.read_text() for f in folder.glob("url-*")}) == 1
    """
    suite(text, "-n", "2").assert_outcomes(passed=4)


def test_a_failing_test_tells_what_its_job_has_said(suite):
    text = """
        import pytest
        from harness import plugin
        from harness.testing.resources import TrainingJob
        from harness.testing.target import Lines

        class Run:
            name = "harness-1"

        @pytest.fixture(scope="session")
        def job():
            lines = Lines()
            lines("train ...")
            lines("  | ValueError: no such column")
            job = TrainingJob(Run(), lines, "training job", "Failed", "AlgorithmError: exit code 1")
            plugin._made = [job]
            return job

        def test_passes(job): pass
        def test_fails(job): assert job.status == "Completed"
        def test_is_about_something_else(): assert False
    """
    result = suite(text, "-n", "0")
    result.assert_outcomes(passed=1, failed=2)
    said = result.stdout.str()
    assert said.count("training job harness-1: Failed: AlgorithmError: exit code 1") == 1
    assert "  | ValueError: no such column" in said
    assert "train ..." not in said
