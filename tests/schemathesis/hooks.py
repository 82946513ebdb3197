"""Hooks for schemathesis with the rules that api/openapi.yaml describes only in text: signatures, keys, and correct rejections."""

import hashlib
import hmac
import itertools
import json
import os
import time
import uuid

import requests
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.openapi.checks import RejectedPositiveData

SECRET = os.environ["STOA_CARRIER_SECRET"].encode()
REPORT = "POST /shipments/{shipment_id}/events"
EXAMPLE_KEY = "0199d5a0-7c1e-7f3a-9c1b-2f4f2f6f3b10"
NEW_KEYS = (str(uuid.UUID(int=n)) for n in itertools.count(int(time.time()) << 64))

# Responses that are possible for every operation (see info.description in api/openapi.yaml). The operations cover them only by
# `default`. The value for each status: the possible codes (None: any code), and the header that the response must have.
COMMON_RESPONSES = {
    400: ({"bad_request", "bad_path"}, None),
    405: ({"method_not_allowed"}, "allow"),
    408: ({"incomplete_body"}, None),
    413: ({"body_too_large"}, None),
    429: (None, "retry-after"),
}

# Codes with which the shop correctly rejects input that matches the schema. A schema cannot describe, for example, which page
# tokens are valid, which keys are used, or the stock.
REJECTIONS_BEYOND_SCHEMA = {
    "address_refused",
    "bad_if_match",
    "bad_page_token",
    "bad_search",
    "bad_sku",
    "bad_sku_list",
    "empty_cart",
    "idempotency_key_reused",
    "payment_declined",
    "payment_refused",
    "precondition_required",
    "stock_changed",
    "unknown_item",
    "unpriced_item",
}

# If the `detail` of a rejection contains one of these texts, the rejection is correct: api/openapi.yaml describes the rule
# only in text. A schema cannot express these rules. (For the rule about ISO 4217, it would have to list all currencies.)
RULES_IN_TEXT = ("expected all three parameters, or none", "is not a code of ISO 4217", "all lines of this SKU together", "looks like a card number", "the character NUL")


class CarrierSignature(requests.auth.AuthBase):
    """Signs the body that is sent, as the carrier does."""

    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        now = str(int(time.time()))
        digest = hmac.new(SECRET, now.encode() + b"." + body, hashlib.sha256).hexdigest()
        request.headers["x-carrier-signature"] = f"t={now},v1={digest}"
        return request


def with_integers(value):
    """Converts numbers like 2.0 to integers: JSON Schema counts 2.0 as an integer, but the shop rejects it."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [with_integers(item) for item in value]
    if isinstance(value, dict):
        return {name: with_integers(item) for name, item in value.items()}
    return value


@schemathesis.hook
def map_body(context, body):
    return with_integers(body)


@schemathesis.hook
def before_call(context, case, kwargs):
    # Replaces the example key of api/openapi.yaml, which works for only one request. Generated keys stay, so that some keys are
    # used twice.
    if case.headers and case.headers.get("Idempotency-Key") == EXAMPLE_KEY:
        case.headers["Idempotency-Key"] = next(NEW_KEYS)
    # Signs the carrier's reports, except in cases with deliberately invalid headers.
    if case.operation.label == REPORT and has_valid_headers(case):
        kwargs["auth"] = CarrierSignature()


def has_valid_headers(case):
    part = case.meta and case.meta.components.get(ParameterLocation.HEADER)
    return not part or part.mode is GenerationMode.POSITIVE


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if isinstance(failure, AcceptedNegativeData) and "sku" in (case.query or {}):
        return isinstance(case.query["sku"], list) # in a URL, one SKU is a list with one item, so the request is valid
    if not isinstance(failure, RejectedPositiveData):
        return True
    detail = member(response, "detail") or ""
    in_text = any(rule in detail for rule in RULES_IN_TEXT)
    return not in_text and member(response, "code") not in REJECTIONS_BEYOND_SCHEMA


def member(response, name):
    try:
        return json.loads(response.content)[name]
    except (ValueError, TypeError, KeyError):
        return None


@schemathesis.check
def status_is_documented(ctx, response, case):
    """Checks responses without a documented status. `default` matches every status, but only COMMON_RESPONSES are correct."""
    status, headers = response.status_code, response.headers
    assert "x-request-id" in headers, "header x-request-id: missing"
    if case.operation.responses.get(str(status)):
        return
    if status == 404 and case.method.upper() != case.operation.method.upper():
        return # the gateway has no operation with this method
    codes, header = COMMON_RESPONSES.get(status, (set(), None))
    code = member(response, "code")
    assert codes is None or code in codes, f"{status} {code} is not documented for {case.operation.label}"
    assert header is None or header in headers, f"header {header}: missing in the response with status {status}"
