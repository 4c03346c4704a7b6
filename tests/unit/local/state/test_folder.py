"""The folder of a state: whole or not at all, ours alone, and of this version."""

import errno
import json
import os

import pytest

from harness.errors import ServiceError
from harness.local.state.folder import StateFolder

ACCOUNT = "123456789012"


@pytest.fixture
def folder(tmp_path):
    made = StateFolder(tmp_path / "state")
    yield made
    made.close()


def writer(text):
    def write(new):
        (new / "file").write_text(text)
        (new / "blobs").mkdir()
        (new / "blobs/1").write_text(text * 100)

    return write


def read(folder):
    return (folder.open(ACCOUNT) / "file").read_text()


def test_what_was_saved_last_is_opened(folder):
    assert folder.open(ACCOUNT) is None
    assert folder.saved is None
    for text in ("first", "second"):
        folder.save(ACCOUNT, writer(text))
        assert read(folder) == text
    assert str(folder.saved).startswith("20")
    assert len(list(folder.path.glob("saved-*"))) == 1
    assert folder.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), OSError("gone"), RuntimeError()])
def test_a_save_that_breaks_off_leaves_the_one_before(folder, error):
    folder.save(ACCOUNT, writer("first"))

    def write(new):
        writer("second")(new)
        raise error

    expected = ServiceError if isinstance(error, OSError) else RuntimeError
    with pytest.raises(expected) as refused:
        folder.save(ACCOUNT, write)
    if expected is ServiceError:
        assert "what was saved there before is as it was" in str(refused.value)
    assert read(folder) == "first"
    assert len(list(folder.path.glob("saved-*"))) == 1


def test_what_a_killed_save_left_goes(folder):
    folder.save(ACCOUNT, writer("first"))
    left = folder.path / "saved-1"
    left.mkdir()
    (folder.path / "state.json.new").write_text("{")
    assert read(folder) == "first"
    assert not left.exists()
    assert not (folder.path / "state.json.new").exists()


def changed(**members):
    def change(folder):
        file = folder.path / "state.json"
        document = json.loads(file.read_text())
        file.write_text(json.dumps({**document, **members}))

    return change


def in_saved(name, content):
    def change(folder):
        (saved,) = folder.path.glob("saved-*")
        (saved / name).write_text(content) if content is not None else (saved / name).unlink()

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder.path / "state.json").write_text("{"), "is damaged: state.json"),
        (lambda folder: (folder.path / "state.json").write_bytes(b"\xff"), "is damaged"),
        (lambda folder: (folder.path / "state.json").write_text("[" * 9999), "is damaged"),
        (changed(format="1"), "is damaged: state.json can't be read (format is no int)"),
        (changed(folder="../../elsewhere"), "is damaged: state.json names files elsewhere"),
        (changed(folder="saved-0"), "is damaged: saved-0/"),
        (in_saved("file", "changed"), "/file isn't as it was saved"),
        (in_saved("file", None), "/file isn't as it was saved"),
        (in_saved("blobs/1", "short"), "/blobs/1 isn't as it was saved"),
        (changed(format=99), "is of another version: format 99"),
        (changed(moto="0.1"), "is of another version: format 1, moto 0.1"),
        (changed(account_id="999999999999"), "is of account 999999999999, and this local AWS is"),
    ],
)
def test_what_can_not_be_read_is_one_sentence(folder, change, words):
    folder.save(ACCOUNT, writer("first"))
    change(folder)
    with pytest.raises(ServiceError) as refused:
        folder.open(ACCOUNT)
    assert words in str(refused.value)
    assert str(folder.path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_that_others_may_look_into_is_refused(tmp_path):
    (tmp_path / "state.json").write_text("{}")
    for mode in (0o755, 0o770, 0o702):
        tmp_path.chmod(mode)
        with pytest.raises(ServiceError, match="is to be yours alone"):
            StateFolder(tmp_path)


def test_an_empty_folder_becomes_ours_alone(tmp_path):
    tmp_path.chmod(0o755)
    StateFolder(tmp_path).close()
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o700, 0o755])  # whose mode it would be no use to change
def test_a_folder_with_other_things_is_refused(tmp_path, mode):
    tmp_path.chmod(mode)
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(ServiceError, match=r"has other files \(thesis.tex\)"):
        StateFolder(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match=r"^the state folder /.*/file is a file: name"):
        StateFolder(tmp_path / "file")
    with pytest.raises(ServiceError, match="there can be no state in"):
        StateFolder(tmp_path / "file/below")


def test_a_folder_is_one_local_aws_alone(folder):
    with pytest.raises(ServiceError, match="is another local AWS's that runs"):
        StateFolder(folder.path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_folder_of_somebody_else_is_refused(tmp_path):
    tmp_path.chmod(0o700)
    os.chown(tmp_path, 12345, -1)
    with pytest.raises(ServiceError, match="is to be yours alone"):
        StateFolder(tmp_path)
