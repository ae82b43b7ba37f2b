import json
from typing import Any

import pytest

from helio.evaluator import inspect_answer
from helio.upstream.aggregate import merge
from helio.upstream.aggregate.merge import LISTS, Described, Validity


def answer(result: str) -> Any:
    found = inspect_answer(b'{"jsonrpc":"2.0","id":1,"result":' + result.encode() + b"}")
    assert found is not None
    return found


def test_items_stay_byte_for_byte_but_for_their_names() -> None:
    page = answer(
        '{"tools":[ {"x":1.0, "name" : "a\\u0062"} ,{"name":"__c","inputSchema":{"name":1}}]}'
    )
    assert merge.items_of(page, "shop", LISTS["tools/list"]) == [
        b'{"x":1.0, "name" : "shop__a\\u0062"}',
        b'{"name":"shop____c","inputSchema":{"name":1}}',
    ]


def test_what_nobody_could_ask_for_is_left_out() -> None:
    page = answer('{"tools":[{"name":5},{},7,{"name":"a"}]}')
    assert merge.items_of(page, "shop", LISTS["tools/list"]) == [b'{"name":"shop__a"}']


def test_resources_have_their_uris_prefixed_and_keep_their_names() -> None:
    page = answer('{"resources":[{"name":"a","uri":"file:///a"}]}')
    assert merge.items_of(page, "shop", LISTS["resources/list"]) == [
        b'{"name":"a","uri":"helio://shop/file:///a"}'
    ]
    page = answer('{"resourceTemplates":[{"name":"a","uriTemplate":"file:///{p}"}]}')
    assert merge.items_of(page, "shop", LISTS["resources/templates/list"]) == [
        b'{"name":"a","uriTemplate":"helio://shop/file:///{p}"}'
    ]


def test_tasks_keep_all() -> None:
    assert merge.items_of(answer('{"tasks":[{"taskId":"a"}]}'), "s", LISTS["tasks/list"]) == [
        b'{"taskId":"a"}'
    ]


@pytest.mark.parametrize(
    ("result", "holds"),
    [
        ('{"ttlMs":5,"cacheScope":"public"}', Validity(5, True)),
        ('{"ttlMs":5,"cacheScope":"private"}', Validity(5, False)),
        ("{}", Validity(0, False)),
        ('{"ttlMs":-1,"cacheScope":"public"}', Validity(0, True)),
        ('{"ttlMs":1e9,"cacheScope":7}', Validity(0, False)),
        ('{"ttlMs":99999999999999999999}', Validity(0, False)),
    ],
)
def test_how_long_a_result_holds(result: str, holds: Validity) -> None:
    assert merge.validity(answer(result)) == holds


def test_all_hold_as_long_as_the_strictest() -> None:
    assert merge.strictest([Validity(5, True), Validity(3, True)]) == Validity(3, True)
    assert merge.strictest([Validity(5, True), Validity(9, False)]) == Validity(5, False)
    assert merge.strictest([]) == Validity(0, False)


def test_a_list_of_2026_07_28_says_what_such_results_say() -> None:
    listed = LISTS["tools/list"]
    told = json.loads(merge.list_answer(b'"i"', listed, [b"{}", b"{}"], Validity(5, True)))
    result = told["result"]
    assert (told["id"], result["tools"]) == ("i", [{}, {}])
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == (
        "complete",
        5,
        "public",
    )
    assert json.loads(merge.list_answer(b"1", listed, [], None))["result"] == {"tools": []}


def test_capabilities_are_what_any_can_do() -> None:
    every = [
        Described({"tools": {"listChanged": False}, "logging": {}}, None),
        Described({"resources": {"subscribe": True}, "experimental": {"a": {"b": 1}}}, None),
        Described({"resources": {}, "experimental": {"a": {"c": 2}}, "logging": {"x": 1}}, None),
    ]
    assert merge.all_capabilities(every) == {
        "tools": {"listChanged": True},
        "logging": {"x": 1},
        "resources": {"subscribe": True, "listChanged": True},
        "experimental": {"a": {"b": 1, "c": 2}},
    }


def test_instructions_stand_under_the_names() -> None:
    every = [
        ("a", Described({}, "Do.")),
        ("b", Described({}, None)),
        ("c", Described({}, "Wait.")),
    ]
    assert merge.all_instructions(every) == "# a\n\nDo.\n\n# c\n\nWait."
    assert merge.all_instructions(every[1:2]) is None


def test_odd_texts_and_numbers_of_upstreams_do_no_harm() -> None:
    told = merge.described(
        answer('{"capabilities":{"x":{"n":1e999,"d":1.5}},"instructions":"\\ud800"}')
    )
    body = merge.initialize_answer(b"1", "2025-11-25", told.capabilities, told.instructions)
    found = json.loads(body)["result"]
    assert found["capabilities"] == {"x": {"n": None, "d": 1.5}}
    assert found["instructions"] == "\ud800"
    assert merge.described(answer('{"capabilities":[]}')) == Described({}, None)
