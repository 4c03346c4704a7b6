"""What is told of an image that a project is made around."""

import pytest

from harness.errors import ConfigError, EngineError
from harness.image import docker_engine
from harness.templates import existing


class Engine:
    """An engine with one image."""

    def __init__(self, config):
        self._config = config
        self.images = self

    def get(self, _):
        self.attrs = {"Config": self._config}
        return self

    def close(self):
        pass


@pytest.fixture
def about(monkeypatch):
    def about(**config):
        monkeypatch.setattr(docker_engine, "connect", lambda: Engine(config))
        return existing.about("an/image:1")

    return about


def test_what_is_there_to_say(about):
    said = about(
        Entrypoint=["python3", "/opt/run.py"],
        ExposedPorts={"8080/tcp": {}},
        Labels={"com.amazonaws.sagemaker.capabilities.multi-models": "true", "maintainer": "me"},
        User="nobody",
    )
    assert 'ENTRYPOINT ["python3", "/opt/run.py"]' in said
    assert "EXPOSE 8080/tcp." in said
    assert "multi-models=true" in said
    assert "maintainer" not in said
    assert "USER nobody" in said
    assert all(line.startswith("# ") for line in said.splitlines())


def test_what_would_go_wrong(about):
    said = about(Entrypoint=["/bin/sh", "-c", "serve\nnow"], ExposedPorts={"80/tcp": {}})
    assert "shell form" in said
    assert "asks port 8080" in said
    assert "No ENTRYPOINT" in about(Cmd=["python3"])


def test_an_image_that_cannot_be_looked_at_is_taken_by_its_name(monkeypatch):
    def refuse():
        raise EngineError("none answers")

    monkeypatch.setattr(docker_engine, "connect", refuse)
    assert "wasn't here" in existing.about("an/image@sha256:abc")
    with pytest.raises(ConfigError, match="no name of an image"):
        existing.about('x" = "y')
