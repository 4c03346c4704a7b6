"""Service Quotas of SageMaker, which moto hasn't: how many instances an account may have at once.

The names are AWS's, for every instance type of SageMaker's service model. Values are those of a
new account at their better: none with accelerators, some of the rest. An increase is granted as it
is asked for. They limit nothing here: a job's containers are not AWS's instances.
"""

from __future__ import annotations

import functools
import hashlib
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.local.protocol import LOADER, AwsError, LeaveToMoto

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.local.protocol import RequestContext

SERVICE = "sagemaker"

TRAINING = "{} for training job usage"
SPOT_TRAINING = "{} for spot training job usage"
ENDPOINT = "{} for endpoint usage"
ALL_TRAINING = "Number of instances across all training jobs"
ALL_SPOT_TRAINING = "Number of instances across all spot training jobs"
ALL_ENDPOINTS = "Number of instances across active endpoints"

CODES = {
    TRAINING.format("ml.m5.large"): "L-611FA074",
    SPOT_TRAINING.format("ml.m5.large"): "L-29688C85",
    ENDPOINT.format("ml.t2.medium"): "L-29C181D7",
    ALL_TRAINING: "L-00C91CB5",
    ALL_ENDPOINTS: "L-7A3DF611",
}
"""AWS's codes of some quotas, by name, the same in every account. Only AWS lists them all."""

# By quota: the enumeration of instance types in SageMaker's service model.
_BY_TYPE = {
    TRAINING: "TrainingInstanceType",
    SPOT_TRAINING: "TrainingInstanceType",
    "{} for training warm pool usage": "TrainingInstanceType",
    ENDPOINT: "ProductionVariantInstanceType",
    "{} for processing job usage": "ProcessingInstanceType",
    "{} for transform job usage": "TransformInstanceType",
}
_ACROSS_TYPES = (ALL_TRAINING, ALL_SPOT_TRAINING, ALL_ENDPOINTS)

_ACCELERATED = ("ml.p", "ml.g", "ml.inf", "ml.trn", "ml.dl", "ml.eia")
_INSTANCES = 4.0
_INSTANCES_ACROSS_TYPES = 20.0
_PAGE = 100


@dataclass(frozen=True)
class Quota:
    """One quota, and its value in an account that has asked for nothing."""

    name: str
    default: float

    @property
    def code(self) -> str:
        digest = hashlib.sha256(self.name.encode()).hexdigest()
        return CODES.get(self.name, f"L-{digest[:8].upper()}")


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


@functools.cache
def quotas() -> Mapping[str, Quota]:
    """SageMaker's quotas by code."""
    return {quota.code: quota for quota in _all()}


def instance_types(shape: str) -> list[str]:
    """The instance types of an enumeration of SageMaker's service model."""
    model = LOADER.load_service_model("sagemaker", "service-2")
    return list(model["shapes"][shape]["enum"])


def _all() -> Iterator[Quota]:
    for pattern, shape in _BY_TYPE.items():
        for instance_type in instance_types(shape):
            accelerated = instance_type.startswith(_ACCELERATED)
            yield Quota(pattern.format(instance_type), 0.0 if accelerated else _INSTANCES)
    for name in _ACROSS_TYPES:
        yield Quota(name, _INSTANCES_ACROSS_TYPES)


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
