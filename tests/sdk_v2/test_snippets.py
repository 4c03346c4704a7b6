"""What docs/how-to/from-local-mode.md shows for the SDK's v2, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "from-local-mode.md"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"


def test_an_estimator_as_the_page_has_it(image, tmp_path, monkeypatch):
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (block,) = (each for each in blocks if "Estimator(" in each)
    (tmp_path / "data" / "train").mkdir(parents=True)
    rows = np.loadtxt(ROOT / "examples" / "gauss3" / "gauss3.csv", delimiter=",")
    np.savetxt(tmp_path / "data" / "train" / "rows.csv", rows, delimiter=",")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"image": image, "role": ROLE}

    exec(compile(block, str(PAGE), "exec"), names)

    predictor = names["predictor"]
    name = predictor.endpoint_name
    sagemaker = names["session"].sagemaker_client
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
    predictor.delete_model()
    predictor.delete_endpoint()
