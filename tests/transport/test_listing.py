import json
from collections.abc import Callable

import pytest

from helio.transport.listing import Listing, amend
from pipeline.playbook import govern


def anything(_name: str) -> bool:
    return True


def but(*hidden: str) -> Callable[[str], bool]:
    return lambda name: name not in hidden


def answer(result: str) -> bytes:
    return f'{{"jsonrpc": "2.0", "id" : 1, "result":{result} }}\n'.encode()


def hidden(result: str, *names: str) -> str:
    """The result without these tools, as text."""
    after = amend(answer(result), keep=but(*names), max_ttl_ms=None).decode()
    return after.removeprefix('{"jsonrpc": "2.0", "id" : 1, "result":').removesuffix(" }\n")


def test_tools_that_are_not_kept_are_taken_out() -> None:
    tools = '[ {"name":"a","x":1.50} , {"name":"b"},\n{"inputSchema":{"name":"b"},"name":"c"} ]'
    before = f'{{"tools":{tools},"nextCursor":"b"}}'
    assert hidden(before) == before
    assert hidden(before, "d") == before
    assert hidden(before, "b") == before.replace(' , {"name":"b"}', "")
    assert hidden(before, "a", "c") == '{"tools":[ {"name":"b"} ],"nextCursor":"b"}'
    assert hidden(before, "a", "b", "c") == '{"tools":[  ],"nextCursor":"b"}'


def test_names_are_what_they_say() -> None:
    before = '{"tools":[{"name":"\\u0061"},{"name":"é"},{"na\\u006de":"b"}]}'
    assert hidden(before, "a", "b") == '{"tools":[{"name":"é"}]}'
    assert hidden(before, "é") == '{"tools":[{"name":"\\u0061"},{"na\\u006de":"b"}]}'


def test_of_names_that_repeat_the_last_counts() -> None:
    before = '{"tools":[{"name":"a","name":"b"}]}'
    assert hidden(before, "a") == before
    assert hidden(before, "b") == '{"tools":[]}'


def test_tools_without_a_text_for_a_name_stay() -> None:
    asked: list[str] = []

    def keep(name: str) -> bool:
        asked.append(name)
        return False

    nameless = '[{},{"name":1},{"name":null},{"name":["a"]},"a",7,null,[],{"name":"\\ud800"}]'
    before = answer(f'{{"tools":{nameless}}}')
    assert amend(before, keep=keep, max_ttl_ms=None) is before
    assert asked == []
    again = answer(f'{{"tools":[{{"name":"a"}},{nameless[1:]}}}')
    assert amend(again, keep=keep, max_ttl_ms=None) == before
    assert asked == ["a"]


@pytest.mark.parametrize(
    ("ttl", "after"),
    [
        ("300001", "300000"),
        ("300000", "300000"),
        ("299999.5", "299999.5"),
        ("300000.5", "300000"),
        ("3e6", "300000"),
        ("3E4", "3E4"),
        ("0", "0"),
        ("-1", "-1"),
        ("-1e999", "-1e999"),
        ("9" * 5000, "300000"),
        ("1e" + "9" * 30, "300000"),
        ('"900000"', '"900000"'),
        ("null", "null"),
        ("[900000]", "[900000]"),
        ("true", "true"),
    ],
)
def test_the_time_to_live_is_only_lowered(ttl: str, after: str) -> None:
    result = '{{ "ttlMs" : {} , "tools":[{{"name":"a","ttlMs":900000}}],"cacheScope":"public"}}'
    before = answer(result.format(ttl))
    assert amend(before, keep=anything, max_ttl_ms=300_000) == answer(result.format(after))
    assert amend(before, keep=anything, max_ttl_ms=None) is before


def test_no_time_to_live_is_given_where_there_is_none() -> None:
    before = answer('{"tools":[]}')
    assert amend(before, keep=anything, max_ttl_ms=1) is before


def test_each_time_to_live_is_lowered_where_it_repeats() -> None:
    before = answer('{"ttlMs":5,"tools":[],"ttlMs":9,"ttlMs":7}')
    after = answer('{"ttlMs":5,"tools":[],"ttlMs":6,"ttlMs":6}')
    assert amend(before, keep=anything, max_ttl_ms=6) == after


def test_a_list_for_one_agent_is_not_shared() -> None:
    def scoped(scope: str) -> str:
        body = amend(
            answer(f'{{"tools":[{{"name":"a"}}],"cacheScope":{scope}}}'),
            keep=but("a"),
            max_ttl_ms=None,
            for_one_agent=True,
        )
        assert json.loads(body)["result"]["tools"] == []
        return body.decode().split('"cacheScope":')[1].removesuffix("} }\n")

    assert scoped('"public"') == scoped('"pub\\u006cic"') == scoped('"private"') == '"private"'
    assert scoped("null") == "null"


def test_both_at_once() -> None:
    before = answer('{"ttlMs":900000,"tools":[{"name":"a"},{"name":"b"}]}')
    after = answer('{"ttlMs":60000,"tools":[{"name":"b"}]}')
    assert amend(before, keep=but("a"), max_ttl_ms=60_000) == after


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no","data":{"tools":[]}}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"tools":{"name":"a"},"ttlMs":900000}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"tools":"[]","ttlMs":900000}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"ttlMs":900000}}',
        b'{"jsonrpc":"2.0","id":1,"result":[{"name":"a"}]}',
        b'{"jsonrpc":"2.0","id":1,"result":null}',
        b'{"tools":[{"name":"a"}],"ttlMs":900000}',
        b'[{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}]}}]',
        b"<html>",
        b"",
    ],
)
def test_what_is_no_list_of_tools_comes_back_as_it_is(body: bytes) -> None:
    assert amend(body, keep=but("a"), max_ttl_ms=1, for_one_agent=True) is body


def test_a_long_list_takes_time_by_its_length() -> None:
    tools = ",".join(f'{{"name":"t{index}"}}' for index in range(50_000))
    body = amend(
        answer(f'{{"tools":[{tools}]}}'),
        keep=lambda name: name.endswith("7"),
        max_ttl_ms=None,
    )
    assert len(json.loads(body)["result"]["tools"]) == 5000


TOOLS = '{"tools":[{"name":"pay"},{"name":"read"},{"name":"drop"}],"cacheScope":"public"}'
HIDING = Listing(hide_denied=True, max_ttl_ms=None, agents_differ=False)


def shown(policies: str, tools: list[dict[str, object]], agent: str | None = None) -> list[str]:
    body = HIDING.show(answer(TOOLS), agent, "default", govern(policies, tools))
    return [tool["name"] for tool in json.loads(body)["result"]["tools"]]


def test_only_what_is_denied_to_this_agent_is_hidden() -> None:
    listed: list[dict[str, object]] = [{"name": name} for name in ("pay", "read", "drop")]
    policies = """{ rules: [
        { match: { tool: drop }, action: deny },
        { match: { tool: pay, agent: 'sales-*' }, action: allow },
        { match: { tool: read, input: { $.all: { eq: true } } }, action: deny },
        { match: { tool: pay }, action: deny } ] }"""
    assert shown(policies, listed, "sales-1") == ["pay", "read"]
    assert shown(policies, listed, "support") == ["read"]
    assert shown(policies, listed) == ["read"]


def test_annotations_are_those_of_the_catalogue() -> None:
    policies = "{ rules: [{ match: { annotations: { readOnlyHint: false } }, action: deny }] }"
    listed: list[dict[str, object]] = [
        {"name": "pay"},
        {"name": "read", "annotations": {"readOnlyHint": True}},
    ]
    # What the catalogue does not know may say anything of itself.
    assert shown(policies, listed) == ["read", "drop"]


def test_nothing_is_hidden_unasked() -> None:
    governance = govern("{ default: deny }", [])
    before = answer(TOOLS)
    listing = Listing(hide_denied=False, max_ttl_ms=None, agents_differ=True)
    assert listing.show(before, "a", "default", governance) is before
    assert shown("{ default: deny }", []) == []


@pytest.mark.parametrize(
    ("hide_denied", "agents_differ", "scope"),
    [(True, True, "private"), (True, False, "public"), (False, True, "public")],
)
def test_a_list_is_shared_by_those_who_see_the_same(
    hide_denied: bool, agents_differ: bool, scope: str
) -> None:
    listing = Listing(hide_denied=hide_denied, max_ttl_ms=None, agents_differ=agents_differ)
    body = listing.show(answer(TOOLS), "a", "default", govern("{ default: allow }", []))
    assert json.loads(body)["result"]["cacheScope"] == scope
