"""What of an environment the image keeps: all that requirements.txt leads to."""

from __future__ import annotations

import sys

import pytest
from pip._vendor.packaging.requirements import Requirement

import trim


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Makes the metadata of packages; nothing else is installed."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    def install(name, *requires):
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {each}" for each in requires)]
        (folder / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")

    install("sagemaker-training", "gevent>=21", "numpy", "boto3; python_version > '3'")
    install("gevent", "greenlet", 'dnspython; extra == "dnspython"')
    install("greenlet")
    install("numpy")
    install("boto3", "botocore")
    install("botocore")
    install("flask", "Werkzeug>=3", 'asgiref; extra == "async"')
    install("Werkzeug", "MarkupSafe")
    install("MarkupSafe")
    install("asgiref")


def reached(*requirements):
    return trim.reached([Requirement(each) for each in requirements], trim.UNUSED)


def test_what_only_the_toolkit_requires_and_does_not_need_goes(packages):
    kept = reached("sagemaker-training", "numpy")

    assert kept == {"sagemaker-training", "numpy", "boto3", "botocore"}
    assert trim.installed() - kept == {
        "asgiref", "flask", "gevent", "greenlet", "markupsafe", "werkzeug",
    }  # fmt: skip


def test_what_somebody_asks_for_stays_with_all_it_requires(packages):
    kept = reached("sagemaker-training", "flask", "gevent")

    assert {"flask", "werkzeug", "markupsafe", "gevent", "greenlet"} <= kept
    assert "asgiref" not in kept


def test_extras_count_where_they_are_asked_for(packages):
    assert "asgiref" in reached("flask[async]")
