"""botocore's data files, and sessions that nothing of the user's has a say in."""

from __future__ import annotations

import os

import botocore.configprovider
import botocore.loaders
import botocore.session

LOADER = botocore.loaders.Loader(
    # None of the user's own, from AWS_DATA_PATH or ~/.aws/models.
    extra_search_paths=[botocore.loaders.Loader.BUILTIN_DATA_PATH],
    include_default_search_paths=False,
)
"""Loads service models, each once. A botocore session that has it as its `data_loader`
component shares them, and makes its clients in a fraction of the time (SageMaker's model alone
takes 45 ms to load)."""


class IsolatedSession(botocore.session.Session):
    """A botocore session that neither the environment (AWS_PROFILE, AWS_MAX_ATTEMPTS, …) nor ~/.aws
    has a say in: all is as botocore has it where there is neither."""

    def __init__(self) -> None:
        super().__init__(session_vars={"profile": (None, [], None, None)})
        variables = botocore.configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES
        factory = botocore.configprovider.ConfigChainFactory(self, environ={})
        store = self.get_component("config_store")
        for name, (_, _, default, _) in variables.items():
            chain = factory.create_config_chain(instance_name=name, default=default)
            store.set_config_provider(name, chain)
        for section in ("s3", "proxies_config"):
            chain = factory.create_config_chain(instance_name=section)
            store.set_config_provider(section, chain)
        self.set_config_variable("config_file", os.devnull)
        self.set_config_variable("credentials_file", os.devnull)
        self.register_component("data_loader", LOADER)
