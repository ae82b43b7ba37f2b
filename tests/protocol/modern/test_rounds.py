"""Results that ask for more, and the requests that go on from there."""

import json

import pytest

from helio.evaluator import inspect_answer
from helio.protocol.modern import Round, input_required, retried
from protocol.modern.messages import request


def asks(result: object) -> Round | None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
    answer = inspect_answer(body)
    assert answer is not None
    return input_required(answer)


@pytest.mark.parametrize(
    ("result", "round_"),
    [
        ({"resultType": "input_required", "inputRequests": {"a": {}}}, Round(None)),
        ({"resultType": "input_required", "requestState": "s\u00e9"}, Round("sé")),
        ({"resultType": "input_required", "requestState": ""}, Round("")),
        ({"resultType": "input_required", "requestState": None}, Round(None)),
        ({"resultType": "input_required", "requestState": 7}, None),
        ({"resultType": "complete", "requestState": "s"}, None),
        ({"resultType": ["input_required"]}, None),
        ({"requestState": "s"}, None),
        ({}, None),
        ([], None),
        ("input_required", None),
    ],
)
def test_only_a_result_of_that_type_asks_for_more(result: object, round_: Round | None) -> None:
    assert asks(result) == round_


def test_an_error_asks_for_nothing() -> None:
    answer = inspect_answer(
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","resultType":"input_required"}}'
    )
    assert answer is not None
    assert input_required(answer) is None


@pytest.mark.parametrize(
    ("params", "round_"),
    [
        ({"requestState": "s"}, Round("s")),
        ({"inputResponses": {}}, Round(None)),
        ({"inputResponses": {"a": 1}, "requestState": "s"}, Round("s")),
        ({"inputResponses": {"a": 1}, "requestState": None}, Round(None)),
        ({"inputResponses": {"a": 1}, "requestState": 7}, None),
        ({"requestState": ["s"]}, None),
        ({"requestState": None, "inputResponses": None}, None),
        ({"arguments": {"requestState": "s", "inputResponses": {}}}, None),
        ({}, None),
    ],
)
def test_what_a_request_brings_along(params: dict[str, object], round_: Round | None) -> None:
    assert retried(request(params={"name": "add", **params})) == round_
