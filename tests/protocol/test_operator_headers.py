"""Nothing that a caller sends stands for a header that the operator set."""

from itertools import product

import pytest

from helio.protocol.headers import PARAMETER, Header, forward_rules, request_headers
from helio.upstream.request import RequestWriter, origin_of

SECRET, FORGED = "operators-own", b"forged"
OPERATORS = (
    "Authorization",
    "X-Api-Key",
    "x-helio-session-id",
    "Accept",
    "Mcp-Protocol-Version",
    "Mcp-Param-Region",
    "Mcp-Name",
)


def spellings(name: str) -> list[bytes]:
    """The name in every case and with every `-` as `_` that a server could read as the same."""
    cases = (name, name.lower(), name.upper(), name.title(), name.swapcase())
    found = {case.replace("-", "_", count) for case, count in product(cases, range(4))}
    found |= {case[::-1].replace("-", "_", 1)[::-1] for case in cases}
    return sorted(spelling.encode() for spelling in found)


ATTEMPTS = [
    pytest.param(name, spelling, modern, id=f"{spelling.decode()}-{modern}")
    for name in OPERATORS
    for spelling in spellings(name)
    for modern in (False, True)
]


def upstream_sees(name: str, sent: list[Header], *, modern: bool) -> list[bytes]:
    """The values of what an upstream could take for the header `name`, as they go up the wire."""
    headers = {name: SECRET}
    # The widest that an operator can configure.
    rules = forward_rules(operator_names=headers, patterns=["x-*"], open_mode=True)
    passed = request_headers(sent, rules, modern=modern)
    head = RequestWriter(origin_of("http://tools.example/mcp"), headers).head("POST", passed, 0, "")
    folded = name.lower().replace("_", "-").encode()
    lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:] if line]
    return [value for key, _, value in lines if key.lower().replace(b"_", b"-") == folded]


@pytest.mark.parametrize(("name", "spelling", "modern"), ATTEMPTS)
def test_whatever_its_spelling(name: str, spelling: bytes, modern: bool) -> None:
    assert upstream_sees(name, [(spelling, FORGED)], modern=modern) == [SECRET.encode()]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("modern", [False, True])
def test_however_often(name: str, modern: bool) -> None:
    """Not even as an error: what does not go up may come as it likes."""
    sent = [(spelling, FORGED) for spelling in spellings(name)]
    assert upstream_sees(name, sent * 2, modern=modern) == [SECRET.encode()]


def test_what_only_looks_like_it_is_another_header() -> None:
    rules = forward_rules(operator_names=["X-Api-Key"], patterns=["x-*"])
    sent = [(b"x-api-key2", b"a"), (b"x-api", b"b"), (b"x-apikey", b"c")]
    assert request_headers(sent, rules) == sent


def test_parameters_that_mirror_a_body_go_up_with_that_body_only() -> None:
    rules = forward_rules()
    sent = [(b"Mcp-Param-Region", b"eu"), (b"mcp_param_region", b"us"), (b"mcp-paramregion", b"x")]
    assert request_headers(sent, rules) == []
    assert request_headers(sent, rules, modern=True) == [(PARAMETER + b"region", b"eu")]


def test_with_agents_that_are_known_no_token_of_theirs_goes_up() -> None:
    for spelling in spellings("Authorization"):
        rules = forward_rules(open_mode=False, patterns=["x-*"])
        assert request_headers([(spelling, b"Bearer agent")], rules) == []
