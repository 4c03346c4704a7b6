"""The blog post's notebook: train your own container, deploy it, predict, score, clean up.

Nothing here knows of a local AWS: it is what runs on the real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import s3fs
from sagemaker.deserializers import NumpyDeserializer
from sagemaker.estimator import Estimator
from sagemaker.serializers import NumpySerializer

from examples.gauss3 import gauss3 as dataset

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sagemaker.predictor import Predictor
    from sagemaker.session import Session

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
INSTANCE_TYPE = "ml.m5.large"
HYPERPARAMETERS = {
    "train-file": "gauss3_train.csv",
    "test-file": "gauss3_test.csv",
    "df": 20,
    "alpha": 1.0,
    "degree": 3,
}
METRICS = [
    {"Name": "train:r2", "Regex": r"train:r2=([-+.0-9e]+)"},
    {"Name": "test:r2", "Regex": r"test:r2=([-+.0-9e]+)"},
]


def upload(bucket: str, prefix: str) -> dict[str, str]:
    """Write both parts of the data into the bucket; returns the channels."""
    data = dataset.split()
    s3 = s3fs.S3FileSystem()
    channels = {}
    for channel, x, y in (
        ("train", data.x_train, data.y_train),
        ("test", data.x_test, data.y_test),
    ):
        rows = pd.DataFrame({"x": x[:, 0], "y": y})
        with s3.open(f"{bucket}/{prefix}/{channel}/gauss3_{channel}.csv", "w") as file:
            rows.to_csv(file, header=False, index=False)
        channels[channel] = f"s3://{bucket}/{prefix}/{channel}"
    return channels


def estimator(session: Session, image: str, prefix: str, **hyperparameters: object) -> Estimator:
    return Estimator(
        image_uri=image,
        role=ROLE,
        instance_count=1,
        instance_type=INSTANCE_TYPE,
        hyperparameters=HYPERPARAMETERS | hyperparameters,
        metric_definitions=METRICS,
        output_path=f"s3://{session.default_bucket()}/{prefix}/output",
        sagemaker_session=session,
    )


def deploy(trained: Estimator) -> Predictor:
    return trained.deploy(
        initial_instance_count=1,
        instance_type=INSTANCE_TYPE,
        serializer=NumpySerializer(),
        deserializer=NumpyDeserializer(),
    )


def r_squared(y: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    return float(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())
