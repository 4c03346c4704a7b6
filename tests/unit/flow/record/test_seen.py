"""The fitted curve and the known answer, or why there is none."""

import io
import re
import tarfile

import pytest

from harness.config.settings import Settings
from harness.errors import ConfigError, FlowError
from harness.flow.record.seen import check, read_curve

CURVE = "x,prediction,lower,upper\n2,20,19,22\n1,10,9,11\n"


@pytest.fixture
def packed(tmp_path):
    """An output.tar.gz with such files."""

    def packed(**files):
        path = tmp_path / "output.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for name, text in files.items():
                member = tarfile.TarInfo(name.replace("__", "/").replace("_", "."))
                content = text.encode()
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return path

    return packed


def test_a_curve_is_in_the_order_of_its_feature(packed):
    curve = read_curve(packed(curve_csv=CURVE), "curve.csv")

    assert curve.x.tolist() == [1.0, 2.0]
    assert curve.prediction.tolist() == [10.0, 20.0]
    assert curve.lower is not None
    assert curve.upper is not None
    assert (curve.lower.tolist(), curve.upper.tolist()) == ([9.0, 19.0], [11.0, 22.0])


def test_a_band_is_optional_and_a_folder_may_be_in_front(packed):
    curve = read_curve(packed(plots__fit_csv="prediction, x\n5,1\n\n6,nan\n"), "plots/fit.csv")

    assert (curve.x.tolist(), curve.prediction.tolist()) == ([1.0], [5.0])
    assert curve.lower is curve.upper is None


@pytest.mark.parametrize(
    "text",
    [
        "", "x,prediction\n", "x,y\n1,2\n", "x,prediction\n1,two\n", "x,prediction\n1,2,3\n",
        "x,prediction,upper\n1,2,3\n", "\x00",
    ],
)  # fmt: skip
def test_what_is_no_curve_is_a_sentence(packed, text):
    with pytest.raises(FlowError, match=r"^report.curve = 'curve.csv': it is no csv of numbers"):
        read_curve(packed(curve_csv=text), "curve.csv")


def test_a_curve_that_is_not_there_is_a_sentence(packed, tmp_path):
    (tmp_path / "broken.tar.gz").write_bytes(b"no archive")

    for archive in (packed(other_csv=CURVE), tmp_path / "broken.tar.gz"):
        with pytest.raises(FlowError, match="there is no such file in the training job's output"):
            read_curve(archive, "curve.csv")


def test_what_cannot_be_drawn_is_a_note(seen, answers, packed, tmp_path):
    (tmp_path / "known.py").write_text("def known(x):\n    return x[:1, 0]\n")

    found = seen(
        answers([1.5, 2.5], [1.0, 2.0], [7.0, 8.0]),
        output=packed(),
        reference="known.py:known",
        curve="curve.csv",
    )

    assert found.curve is found.reference is None
    assert found.notes == [
        "report.curve = 'curve.csv': there is no such file in the training job's output.",
        "report.reference = 'known.py:known': it returned 1 values for 400 rows of features.",
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 1 / 0", r"it raised ZeroDivisionError: division by zero\."),
        ("return ['a'] * len(x)", r"what it returned is no array of numbers: could not"),
        ("return None", r"it returned 1 values for 400 rows of features\."),
    ],
)
def test_a_reference_that_fails_is_a_note(seen, answers, tmp_path, body, said):
    (tmp_path / "known.py").write_text(f"def known(x):\n    {body}\n")

    found = seen(answers([1.5, 2.5], [1.0, 2.0], [7.0, 8.0]), reference="known.py:known")

    (note,) = found.notes
    assert re.search(said, note)


def test_a_reference_is_drawn_over_the_whole_range(seen, answers, tmp_path):
    (tmp_path / "known.py").write_text("def known(x):\n    return 2 * x\n")

    found = seen(
        answers([1.5, 2.5], [1.0, 2.0], [7.0, 8.0], "a"),
        answers([1.5, 2.5], [1.0, 2.0], [5.0, float("nan")], "b"),
        reference="known.py:known",
    )

    assert (found.reference.x[0], found.reference.x[-1]) == (5.0, 8.0)
    assert found.reference.prediction[0] == 10.0
    assert found.notes == []


def test_a_reference_that_is_no_function_is_refused_before(tmp_path):
    settings = Settings(root=tmp_path, report={"reference": "known.py:known"})

    with pytest.raises(
        ConfigError, match=r"^report.reference = 'known.py:known': there is no file"
    ):
        check(settings)
