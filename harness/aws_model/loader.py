"""botocore's data files: AWS's service models, endpoints and partitions."""

from __future__ import annotations

import botocore.loaders

LOADER = botocore.loaders.create_loader()
"""Loads service models, each once. A botocore session that has it as its `data_loader`
component shares them, and makes its clients in a fraction of the time (SageMaker's model alone
takes 45 ms to load)."""
