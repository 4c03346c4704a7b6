"""The image in all its jobs, each on what the one before it made. Fixtures: sagemaker-harness."""

import pytest


@pytest.fixture(scope="session")
def prepared(processing_job):
    return processing_job().outputs


@pytest.fixture(scope="session")
def model(training_job, prepared):
    return training_job(channels={name: prepared[name] for name in ("train", "validation")})


def lines(files):
    (content,) = files.values()
    return content.decode().splitlines()


def test_what_is_known_is_split_and_gaps_are_left_out(prepared):
    train, validation, batch = (lines(prepared[name]) for name in ("train", "validation", "batch"))
    assert len(train) == pytest.approx(4 * len(validation), abs=4)
    assert all(row.count(",") == 3 and "n/a" not in row for row in train + validation + batch)


def test_the_model_tells_which_pumps_fail(model):
    assert model.metrics["validation:auc"] > 0.8


def test_each_row_of_a_batch_has_its_answer(transform_job, model, prepared):
    answers = [row.split(",") for row in lines(transform_job(model, prepared["batch"]).output)]
    assert [name for name, _ in answers] == [row.split(",")[0] for row in lines(prepared["batch"])]
    assert all(0 <= float(probability) <= 1 for _, probability in answers)


def test_a_job_without_its_input_fails(processing_job):
    job = processing_job(inputs={"raw": {"notes.txt": "no rows"}}, check=False)
    assert "no csv file" in job.failure_reason
