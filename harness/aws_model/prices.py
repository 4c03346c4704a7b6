"""What instances cost, by AWS's price list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    import boto3

HOURS_A_MONTH = 730

_REGION = "us-east-1"  # the price list is asked in few regions, about all of them


def hourly(boto: boto3.Session, component: str, instance_type: str, region: str) -> float | None:
    """US dollars an hour for an instance, on demand; None where nobody says.

    `component` is the price list's: `Hosting`, `Training`, `Processing`, `Batch Transform`.
    """
    wanted = {"component": component, "instanceName": instance_type, "regionCode": region}
    try:
        products = boto.client("pricing", region_name=_REGION).get_products(
            ServiceCode="AmazonSageMaker",
            Filters=[
                {"Type": "TERM_MATCH", "Field": field, "Value": value}
                for field, value in wanted.items()
            ],
        )["PriceList"]
    except (ClientError, BotoCoreError):  # not allowed, or no such service where we are
        return None
    prices = [price for product in products for price in _hourly(json.loads(product))]
    return max(prices, default=None)


def _hourly(product: dict[str, Any]) -> list[float]:
    return [
        float(dimension["pricePerUnit"]["USD"])
        for term in product.get("terms", {}).get("OnDemand", {}).values()
        for dimension in term["priceDimensions"].values()
        if dimension["unit"] == "Hrs" and "USD" in dimension["pricePerUnit"]
    ]


def of_endpoint(boto: boto3.Session, instance_type: str, count: int, region: str) -> str:
    """The cost of an endpoint that is left serving, in words."""
    price = hourly(boto, "Hosting", instance_type, region)
    if price is None:
        return f"costs what {count} {instance_type} cost, by the hour"
    hour = price * count
    return (
        f"costs {hour:.3f} US dollars an hour ({hour * HOURS_A_MONTH:.0f} a month; "
        f"{count} {instance_type}, on demand)"
    )
