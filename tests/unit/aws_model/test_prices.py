"""Prices as AWS's price list gives them."""

from __future__ import annotations

import json

import pytest

from harness.aws_model import prices
from harness.local.aws import LocalAWS
from harness.local.core.client import local_boto_session
from harness.local.protocol.errors import AwsError


def product(unit, usd, region="eu-central-1"):
    """In the form of AWS's price list."""
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}}
    return json.dumps({
        "product": {"attributes": {"instanceName": "ml.t2.medium", "regionCode": region}},
        "terms": {"OnDemand": {"SKU.TERM": {"priceDimensions": {"SKU.TERM.RATE": dimension}}}},
    })  # fmt: skip


class PriceList:
    def __init__(self):
        self.answer: list[str] | AwsError = []
        self.filters = []

    def get_products(self, context, request):
        self.filters = [(each["Field"], each["Value"]) for each in request["Filters"]]
        if isinstance(self.answer, AwsError):
            raise self.answer
        return {"FormatVersion": "aws_v1", "PriceList": self.answer}


@pytest.fixture(scope="module")
def server():
    price_list = PriceList()
    with LocalAWS(providers={"pricing": [price_list]}) as server:
        yield price_list, local_boto_session(server.url, "eu-central-1")


def test_an_endpoint_costs_its_instances(server):
    price_list, boto = server
    price_list.answer = [product("Hrs", "0.0672000000"), product("GB-Mo", "0.125")]

    said = prices.of_endpoint(boto, "ml.t2.medium", 2, "eu-central-1")

    assert said == ("costs 0.134 US dollars an hour (98 a month; 2 ml.t2.medium, on demand)")
    assert sorted(price_list.filters) == [
        ("component", "Hosting"),
        ("instanceName", "ml.t2.medium"),
        ("regionCode", "eu-central-1"),
    ]


@pytest.mark.parametrize(
    "answer", [[], AwsError("AccessDeniedException", "Not yours.")], ids=["unknown", "denied"]
)
def test_where_nobody_says_the_price_the_words_do_without(server, answer):
    price_list, boto = server
    price_list.answer = answer

    said = prices.of_endpoint(boto, "ml.t2.medium", 1, "eu-central-1")

    assert said == "costs what 1 ml.t2.medium cost, by the hour"
