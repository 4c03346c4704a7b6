"""What is wrong in harness.toml, in variables and in arguments: said before anything is made."""

from __future__ import annotations

import pytest


@pytest.fixture
def refused(harness, local_aws):
    """`harness run` of what is there; returns what it says, which it leaves with 2 for."""

    def refused(*arguments, status=2, **variables):
        command = arguments or ("run",)
        ran = harness(*command, **{"HARNESS_LOCAL_ENDPOINT_URL": local_aws.url, **variables})
        assert ran.returncode == status, ran.stderr
        assert "train ..." not in ran.stderr
        return ran.stderr

    return refused


def test_there_is_no_project(refused, told):
    told("no-project", refused(status=1))


def test_there_is_nothing_to_check(refused, told):
    told("nothing-to-check", refused("check"))


def test_the_file_that_is_named_is_not_there(refused, told):
    told("no-file", refused("run", "--config", "other.toml"))


def test_a_key_is_misspelt(refused, project, told):
    project('[training]\ninstance_tpye = "ml.m5.large"\n')
    told("unknown-key", refused())


def test_a_table_is_misspelt(refused, project, told):
    project("[trainig]\nspot = true\n")
    told("unknown-table", refused())


def test_the_file_is_no_toml(refused, project, told):
    project("[training]\ninstance_type = ml.m5.large\n")
    told("bad-toml", refused())


def test_a_value_is_of_another_kind(refused, project, told):
    project('[training]\ninstance_count = "two"\n')
    told("wrong-kind", refused())


def test_a_variable_is_misspelt(refused, project, told):
    project()
    told("unknown-variable", refused(HARNESS_TRAINING_INSTANCETYPE="ml.m5.large"))


def test_a_threshold_is_of_no_metric(refused, project, told):
    project("test_rmse = 1\n")
    told("unknown-metric", refused())


def test_a_score_is_misspelt(refused, project, told):
    folder = project()
    text = (folder / "harness.toml").read_text()
    (folder / "harness.toml").write_text(text.replace('"r2"', '"acuracy"'))
    told("unknown-score", refused())


def test_a_channels_file_is_missing(refused, project, told):
    (project(image='uri = "harness-any"') / "rows.csv").unlink()
    told("no-channel-file", refused(HARNESS_IMAGE_URI="harness-any"))


def test_the_target_is_no_column(refused, project, told):
    project(**{"rows.csv": "size;price\n1;2\n"})
    told("no-column", refused(status=1))


def test_rows_cannot_be_sent_as_that(refused, project, told):
    folder = project()
    text = (folder / "harness.toml").read_text()
    changed = text.replace('target = "price"', 'target = "price"\ncontent_type = "image/png"')
    (folder / "harness.toml").write_text(changed)
    told("no-such-rows", refused(status=2))


def test_an_instance_type_is_misspelt(refused, project, told):
    project('[training]\ninstance_type = "ml.m5.lrge"\n')
    told("instance-type", refused())


def test_script_modes_program_is_not_there(refused, project, told):
    project('[training]\nentry_point = "train.py"\n')
    told("no-entry-point", refused())


def test_hyperparameters_are_no_json(refused, project, told):
    project()
    told("no-json", refused("check", "image", "--hyperparameters", "{'depth': 3}"))


def test_init_overwrites_nothing(refused, project, told):
    project()
    told("init-overwrites", refused("init"))
