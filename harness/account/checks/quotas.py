"""The quotas: the account may have as many instances at once as the run takes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from harness.account import quota_codes
from harness.account.calls import Once, start
from harness.aws_model import quotas
from harness.checks import Check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.account.checks.account import Account
    from harness.config.settings import Settings

    Listing = Once[dict[str, dict[str, Any]]]


def check(account: Account) -> list[Check]:
    """Ask for each quota that the run counts in, all at the same time."""
    listing: Listing = Once(partial(quota_codes.list_all, account.service_quotas))
    asked = [
        (name, needed, start(partial(_find, account.service_quotas, name, listing)))
        for name, needed in _needed(account.settings).items()
    ]
    checks, enough = [], []
    for name, needed, found in asked:
        try:
            quota = found.result()
        except ClientError as error:
            checks.append(Check.unclear("quotas", f"{name}: {account.why_unknown(error)}"))
            continue
        if quota is None:
            checks.append(Check.unclear("quotas", f"{name}: AWS lists no quota of this name"))
        elif quota["Value"] < needed:
            checks.append(_too_low(quota, needed, account.settings.region))
        else:
            enough.append(f"{name}: {quota['Value']:.0f}")
    if enough:
        checks.append(Check("quotas", True, "; ".join(enough)))
    return checks


def _needed(settings: Settings) -> dict[str, int]:
    """How many instances a run takes at once of what each quota counts."""
    training, endpoint = settings.training, settings.endpoint
    kind, all_of_kind = (
        (quotas.SPOT_TRAINING, quotas.ALL_SPOT_TRAINING)
        if training.spot
        else (quotas.TRAINING, quotas.ALL_TRAINING)
    )
    serving = max(endpoint.instance_count, endpoint.max_instance_count)
    return {
        kind.format(training.instance_type): training.instance_count,
        all_of_kind: training.instance_count,
        quotas.ENDPOINT.format(endpoint.instance_type): serving,
        quotas.ALL_ENDPOINTS: serving,
    }


def _find(client: Any, name: str, listing: Listing) -> Mapping[str, Any] | None:
    """The quota of a name: by its code where that is known, else looked up in all of them."""
    code = quota_codes.known(name)
    if code is not None:
        try:
            found = client.get_service_quota(ServiceCode=quotas.SERVICE, QuotaCode=code)
        except client.exceptions.NoSuchResourceException:
            pass
        else:
            if found["Quota"]["QuotaName"] == name:
                return cast("Mapping[str, Any]", found["Quota"])
    return listing.result().get(name)


def _too_low(quota: Mapping[str, Any], needed: int, region: str) -> Check:
    return Check(
        "quotas",
        False,
        f'"{quota["QuotaName"]}" is {quota["Value"]:.0f} in {region}, and the run takes {needed}',
        f"aws service-quotas request-service-quota-increase --region {region} --service-code "
        f"{quotas.SERVICE} --quota-code {quota['QuotaCode']} --desired-value {needed}, which AWS "
        "may take days to grant, or choose another instance type",
    )
