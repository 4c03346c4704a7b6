"""One training job, endpoint and request in local mode of the SageMaker SDK's v2.

    python sdk_v2_local.py IMAGE FOLDER

Run by benchmarks/loop.py in an environment that has that SDK. FOLDER has `train/train.csv` and
`test/test.csv`. Prints the prediction.
"""

import sys
from pathlib import Path

from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.local import LocalSession
from sagemaker.serializers import CSVSerializer


def main(image: str, folder: Path) -> None:
    session = LocalSession()
    session.config = {"local": {"container_root": str(folder)}}
    estimator = Estimator(
        image_uri=image,
        role="arn:aws:iam::123456789012:role/harness",
        instance_count=1,
        instance_type="local",
        sagemaker_session=session,
        output_path=f"file://{folder}",
        hyperparameters={"df": 20, "train-file": "train.csv", "test-file": "test.csv"},
    )
    estimator.fit({name: f"file://{folder}/{name}" for name in ("train", "test")})
    predictor = estimator.deploy(
        1, "local", serializer=CSVSerializer(), deserializer=JSONDeserializer()
    )
    print(predictor.predict("100"))
    predictor.delete_endpoint()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
