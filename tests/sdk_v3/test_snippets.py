"""What docs/how-to/from-local-mode.md shows for the SDK's v3, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "from-local-mode.md"


def test_a_model_trainer_as_the_page_has_it(image, role, folders: Path, monkeypatch):
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (block,) = (each for each in blocks if "ModelTrainer" in each)
    data = folders.with_name(f"{folders.name}-page") / "data"
    data.parent.mkdir()
    data.symlink_to(folders)
    monkeypatch.chdir(data.parent)
    names: dict[str, Any] = {"image": image, "role": role}

    exec(compile(block, str(PAGE), "exec"), names)

    job = names["trainer"]._latest_training_job
    assert job.training_job_status == "Completed"
