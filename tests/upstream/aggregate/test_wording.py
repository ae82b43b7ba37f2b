import pytest

from helio.evaluator import parse_message
from helio.upstream.aggregate.names import Names
from helio.upstream.aggregate.wording import by_mark, by_name, by_uri, for_agent

NAMES = Names(["shop", "mail"])


def request(method: str, params: str) -> bytes:
    return f'{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}'.encode()


def test_only_the_name_of_a_call_changes() -> None:
    text = '{"arguments":{"n":1.50,"shop__pay":"shop__pay"}, "name" : "shop\\u005f_pay" }'
    found = by_name(parse_message(request("tools/call", text)), NAMES, "params", "name")
    assert found is not None
    assert found.upstream == "shop"
    assert found.message.tool == "pay"
    assert found.message.body == request("tools/call", text.replace('"shop\\u005f_pay"', '"pay"'))


@pytest.mark.parametrize("name", ['"pay"', '"other__pay"', "5", '"shop__"'])
def test_a_call_for_nobody(name: str) -> None:
    message = parse_message(request("prompts/get", f'{{"name":{name}}}'))
    assert by_name(message, NAMES, "params", "name") is None


def test_only_the_uri_changes() -> None:
    message = parse_message(request("resources/read", '{"uri":"helio://mail/file:///a%20b"}'))
    found = by_uri(message, NAMES, "params", "uri")
    assert found is not None
    assert (found.upstream, found.message.body) == (
        "mail",
        request("resources/read", '{"uri":"file:///a%20b"}'),
    )


def test_a_question_is_answered_under_the_id_that_its_upstream_chose() -> None:
    asked = for_agent("mail", b'{"jsonrpc":"2.0","id": "\\u0031","method":"roots/list"}')
    assert asked == b'{"jsonrpc":"2.0","id": "mail:\\"\\\\u0031\\"","method":"roots/list"}'
    answer = b'{"jsonrpc":"2.0","id":"mail:\\"\\\\u0031\\"","result":{"roots":[]}}'
    found = by_mark(parse_message(answer), NAMES, "id")
    assert found is not None
    assert found.message.body == b'{"jsonrpc":"2.0","id":"\\u0031","result":{"roots":[]}}'


FORGED = ["shop: 1", "shop:{}", "shop:1.5", "shop:1,", "shop:", 'shop:1,"x":2']


@pytest.mark.parametrize("forged", [*FORGED, 'shop:1,"method":"tools/call"'])
def test_ids_that_no_upstream_chose_go_nowhere(forged: str) -> None:
    text = forged.replace('"', '\\"')
    answer = parse_message(f'{{"jsonrpc":"2.0","id":"{text}","result":{{}}}}'.encode())
    assert by_mark(answer, NAMES, "id") is None


def test_a_token_that_an_agent_made_up_cannot_change_the_message() -> None:
    text = 'shop:1},"_meta":{"a":1'.replace('"', '\\"')
    params = f'{{"progressToken":"{text}","progress":1}}'
    body = f'{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}'
    assert by_mark(parse_message(body.encode()), NAMES, "params", "progressToken") is None


def test_tokens_of_questions_are_told_apart() -> None:
    params = '{"_meta":{"progressToken":3},"messages":[]}'
    asked = parse_message(for_agent("shop", request("sampling/createMessage", params)))
    assert asked.id == b'"shop:1"'
    assert asked.progress_token == b'"shop:3"'


def test_a_withdrawn_question_and_an_updated_resource() -> None:
    cancelled = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4}}'
    assert for_agent("shop", cancelled) == cancelled.replace(b"4", b'"shop:4"')
    updated = (
        b'{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"text:\\/x"}}'
    )
    assert for_agent("shop", updated) == updated.replace(b"text:", b"helio://shop/text:")


@pytest.mark.parametrize(
    "text",
    [
        b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}',
        b'{"jsonrpc":"2.0","method":"notifications/message","params":{"data":1e400}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"contents":[{"uri":"text://x"}],"method":"x"}}',
        b'no JSON with a "method"',
    ],
)
def test_all_else_stays_byte_for_byte(text: bytes) -> None:
    assert for_agent("shop", text) is text


def test_contents_of_a_prefixed_resource() -> None:
    text = b'{"jsonrpc":"2.0","id":1,"result":{"contents":[{"uri":"a:b","text":"c"},{"uri":5}]}}'
    shown = for_agent("shop", text, prefix_contents=True)
    assert shown == text.replace(b'"a:b"', b'"helio://shop/a:b"')
