"""What the document states in words, for schemathesis: signatures, keys, and which refusals are right."""

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

# Responses that every operation may give (info.description), which `default` stands for: status -> codes, and the
# required header.
ANYWHERE = {
    400: ({"bad_request", "bad_path"}, None),
    405: ({"method_not_allowed"}, "allow"),
    408: ({"incomplete_body"}, None),
    413: ({"body_too_large"}, None),
    429: (None, "retry-after"),
}

# Rejections of input that matches the schema: a schema cannot express the tokens of a list, the keys used before, or
# the stock.
BEYOND_THE_SCHEMA = {
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

# Rules that a schema could express only by a list of all currencies, or not at all.
RULES_IN_WORDS = ("expected all of them, or none", "is not a code of ISO 4217", " units in all", "looks like a card number", "the character NUL", "without NUL")


class CarrierSignature(requests.auth.AuthBase):
    """Signs what is really sent, as the carrier does."""

    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        moment = str(int(time.time()))
        digest = hmac.new(SECRET, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
        request.headers["x-carrier-signature"] = f"t={moment},v1={digest}"
        return request


def whole(value):
    """JSON Schema takes 2.0 for an integer, and the shop does not."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    return value


@schemathesis.hook
def map_body(context, body):
    return whole(body)


@schemathesis.hook
def before_call(context, case, kwargs):
    # The document's example key works for one request; generated keys stay, so that some are used twice.
    if case.headers and case.headers.get("Idempotency-Key") == EXAMPLE_KEY:
        case.headers["Idempotency-Key"] = next(NEW_KEYS)
    # A generated or deliberately missing signature stays as it is.
    if case.operation.label == REPORT and sound_headers(case):
        kwargs["auth"] = CarrierSignature()


def sound_headers(case):
    part = case.meta and case.meta.components.get(ParameterLocation.HEADER)
    return not part or part.mode is GenerationMode.POSITIVE


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if isinstance(failure, AcceptedNegativeData) and "sku" in (case.query or {}):
        return isinstance(case.query["sku"], list) # when it is sent, one value is a list of one
    if not isinstance(failure, RejectedPositiveData):
        return True
    detail = member(response, "detail") or ""
    in_words = any(rule in detail for rule in RULES_IN_WORDS)
    return not in_words and member(response, "code") not in BEYOND_THE_SCHEMA


def member(response, name):
    try:
        return json.loads(response.content)[name]
    except (ValueError, TypeError, KeyError):
        return None


@schemathesis.check
def said_in_the_document(ctx, response, case):
    """`default` takes every status: what it really stands for is a short list."""
    status, headers = response.status_code, response.headers
    assert "x-request-id" in headers, "no x-request-id"
    if case.operation.responses.get(str(status)):
        return
    if status == 404 and case.method.upper() != case.operation.method.upper():
        return # the gateway does not have this operation
    codes, header = ANYWHERE.get(status, (set(), None))
    code = member(response, "code")
    assert codes is None or code in codes, f"{status} {code} is not documented for {case.operation.label}"
    assert header is None or header in headers, f"{status} without {header}"
