"""Compare: the artifact that AWS has trained, served here as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.flow.connection import connect
from harness.flow.context import begin
from harness.flow.project.scores import difference, measure
from harness.flow.steps.deploy import create_model, deploy, environment
from harness.flow.steps.predict import predict_aloud
from harness.flow.steps.train import SUBMITTED, script

if TYPE_CHECKING:
    from harness.flow.context import Run
    from harness.flow.project.scores import Answers
    from harness.image.build import BuiltImage

MOST = 1e-9
"""How far predictions of one artifact may be apart, relative to the largest of them."""


@dataclass(frozen=True)
class Comparison:
    """The same artifact's predictions on the local AWS, and their metrics."""

    metrics: dict[str, float]
    difference: float
    """The largest one, relative to the largest prediction."""

    @property
    def same(self) -> bool:
        return self.difference <= MOST


def compare(this: Run, built: BuiltImage, model_data: str, there: list[Answers]) -> Comparison:
    """Serve the same image and artifact on a local AWS of its own; say how far apart they are."""
    settings = this.settings.model_copy(
        update={
            "target": "local",
            "local": this.settings.local.model_copy(update={"endpoint_url": ""}),
        }
    )
    with connect(settings) as connection:
        twin = begin(settings, connection, this.progress, keep=False)
        with twin.tear_down:
            bucket, key = model_data.removeprefix("s3://").split("/", 1)
            artifact = this.connection.boto.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
            connection.boto.client("s3").upload_fileobj(
                artifact, settings.place.bucket, twin.key("model.tar.gz")
            )
            program = script(twin).get(SUBMITTED, "")
            variables = environment(twin, program)
            create_model(twin, built.name, twin.uri("model.tar.gz"), variables)
            here = predict_aloud(twin, deploy(twin), [each.asked for each in there])
    apart = [
        difference(a.predictions, b.predictions)
        if a.predictions is not None
        else (0.0 if a.bodies == b.bodies else float("inf"))
        for a, b in zip(here, there, strict=True)
    ]
    return Comparison(measure(settings, here), max(apart, default=0.0))
