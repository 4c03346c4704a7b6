"""Service Quotas of SageMaker, which moto hasn't: how many instances an account may have at once.

The names are AWS's, for every instance type of SageMaker's service model. Values are those of a
new account at their better: none with accelerators, some of the rest. An increase is granted as it
is asked for. They limit nothing here: a job's containers are not AWS's instances.
"""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.aws_model.quotas import SERVICE, Quota, quotas
from harness.local.protocol.errors import AwsError, LeaveToMoto

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.local.protocol.messages import RequestContext

_PAGE = 100


class Quotas:
    """The operations of Service Quotas for SageMaker; other services' quotas are left to moto."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._raised: dict[tuple[str, str], float] = {}

    def get_service_quota(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        quota = _find(request)
        return {"Quota": self._shown(quota, context, self._value(quota, context))}

    def get_aws_default_service_quota(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        quota = _find(request)
        return {"Quota": self._shown(quota, context, quota.default)}

    def list_service_quotas(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        quotas, more = _page(request)
        shown = [self._shown(each, context, self._value(each, context)) for each in quotas]
        return {"Quotas": shown, "NextToken": more}

    def list_aws_default_service_quotas(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        quotas, more = _page(request)
        shown = [self._shown(each, context, each.default) for each in quotas]
        return {"Quotas": shown, "NextToken": more}

    def request_service_quota_increase(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        quota = _find(request)
        with self._lock:
            # AWS asks for more than there is; less is for whoever wants to see it run out.
            self._raised[context.region, quota.code] = request["DesiredValue"]
        now = datetime.now(UTC)
        shown = self._shown(quota, context, request["DesiredValue"])
        kept = ("ServiceCode", "ServiceName", "QuotaCode", "QuotaName", "QuotaArn", "Unit")
        return {
            "RequestedQuota": {name: shown[name] for name in kept}
            | {
                "Id": uuid.uuid4().hex,
                "DesiredValue": request["DesiredValue"],
                "Status": "APPROVED",
                "Created": now,
                "LastUpdated": now,
                "GlobalQuota": False,
            }
        }

    def _value(self, quota: Quota, context: RequestContext) -> float:
        with self._lock:
            return self._raised.get((context.region, quota.code), quota.default)

    def _shown(self, quota: Quota, context: RequestContext, value: float) -> dict[str, Any]:
        return {
            "ServiceCode": SERVICE,
            "ServiceName": "Amazon SageMaker",
            "QuotaArn": context.arn(f"{SERVICE}/{quota.code}", "servicequotas"),
            "QuotaCode": quota.code,
            "QuotaName": quota.name,
            "Value": value,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }


def _find(request: Mapping[str, Any]) -> Quota:
    _check_service(request)
    quota = quotas().get(request["QuotaCode"])
    if quota is None:
        raise AwsError(
            "NoSuchResourceException",
            f"The request failed because the quota {request['QuotaCode']} doesn't exist.",
        )
    return quota


def _page(request: Mapping[str, Any]) -> tuple[list[Quota], str | None]:
    """The quotas that the request asks for, and the token of the next page."""
    _check_service(request)
    found = [each for each in quotas().values() if request.get("QuotaCode", each.code) == each.code]
    token = request.get("NextToken", "0")
    if not token.isdecimal() or int(token) > len(found):
        raise AwsError("InvalidPaginationTokenException", "Invalid NextToken.")
    start = int(token)
    end = start + request.get("MaxResults", _PAGE)
    return found[start:end], str(end) if end < len(found) else None


def _check_service(request: Mapping[str, Any]) -> None:
    if request["ServiceCode"] != SERVICE:
        raise LeaveToMoto
