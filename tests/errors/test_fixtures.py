"""A newcomer's first tests: what pytest shows of a fixture that can't make what it was asked."""

from __future__ import annotations

import sys

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester, project, monkeypatch, tmp_path):
    """Runs a suite in the project's folder; returns what pytest prints."""
    folder = project()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("HARNESS_TARGET", raising=False)

    def suite(text, **files):
        for name, content in {"test_mine.py": text, **files}.items():
            (folder / name).write_text(content)
        ran = pytester.run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(folder))
        assert ran.ret == 1
        return ran.stdout.str()

    return suite


def test_a_key_is_misspelt(suite, told):
    said = suite("def test(training_job): training_job('image', instance_cuont=2)")
    told("fixture-key", said)


def test_the_file_is_misspelt(suite, told):
    said = suite("def test(harness_settings): pass", **{"harness.toml": "[trainig]\nspot = 1\n"})
    told("unknown-table", said)


@pytest.mark.docker
def test_a_job_fails(suite, told, wrong_image):
    said = suite(
        f"""
        def test(training_job):
            training_job({wrong_image!r}, environment={{"WRONG": "traceback"}})
        """.replace("\n        ", "\n")
    )
    told("fixture-job", said)
    assert "ValueError: could not convert string to float: 'x'" in said
    assert 'File "/opt/wrong.py", line ' in said


def test_a_fault_never_happens(suite, told):
    said = suite("def test(faults): faults.add(operation='CreateModel', error='Throttling')")
    told("fixture-fault", said)
