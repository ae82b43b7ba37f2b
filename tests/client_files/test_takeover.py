"""Servers led through Helio and back: nothing else of a text changes, and all of it comes back."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helio.client_files import Door, Reached, State, connected, disconnected, upstream_name

HERE = "http://127.0.0.1:3000"
SHOP = Reached(f"{HERE}/mcp/shop", f"{HERE}/sse/shop", frozenset({"authorization", "x-team"}))
DOOR = Door(("/opt/helio", "stdio", "-c", "/etc/helio.yaml"), {"https://shop.example/mcp": SHOP})
PLACES = (("mcpServers",),)
FILES = ["stdio", "-c", "/etc/helio.yaml", "--name", "files", "--", "npx"]


def led(text: str, door: Door = DOOR) -> tuple[str, dict[str, State]]:
    after, servers = connected(text, PLACES, door)
    return after, {server.name: server.state for server in servers}


def entry(text: str, name: str = "files") -> Any:
    return json.loads(text)["mcpServers"][name]


def test_a_command_is_started_by_helio() -> None:
    text = '{"mcpServers": {"files": {"command": "npx", "args": ["-y", "x"], "env": {"A": "b"}}}}'
    after, states = led(text)
    assert states == {"files": State.CONNECTED}
    assert entry(after) == {
        "command": "/opt/helio",
        "args": [*FILES, "-y", "x"],
        "env": {"A": "b"},
    }


LAYOUTS = {
    "one line": '{"mcpServers": {"files": {"command": "npx", "args": ["-y", "x"]}}}',
    "narrow": '{"mcpServers":{"files":{"args":["-y"],"command":"npx"}}}',
    "no arguments": '{"mcpServers": {"files": {"command": "npx"}}}',
    "empty arguments": '{"mcpServers": {"files": {"command": "npx", "args": []}}}',
    "indented": json.dumps(
        {"mcpServers": {"files": {"command": "npx", "args": ["-y", "x"]}}}, indent=2
    ),
    "comments": """{
  // what people say
  "mcpServers": {
    "files": { /* why */ "command": "npx", // and why
      "args": [ // of these
        "-y", /* and */ "x", // and these
      ],
    },
  },
}\r\n""",
    "escapes": r'{"mcpServers": {"files": {"command": "np\u0078", "args": ["\u0041", "--"]}}}',
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_comes_back_to_the_letter(text: str) -> None:
    after, _ = led(text)
    assert after != text
    back, servers = disconnected(after, text, PLACES)
    assert [server.state for server in servers] == [State.RESTORED]
    assert back.replace("npx", "np\\u0078") == text if "u0078" in text else back == text


def test_what_is_through_helio_stays() -> None:
    after, _ = led(LAYOUTS["indented"])
    assert led(after) == (after, {"files": State.ALREADY})
    by_module = (
        '{"mcpServers": {"a": {"command": "python3", "args": ["-m", "helio", "stdio", "--", "b"]}}}'
    )
    assert led(by_module) == (by_module, {"a": State.ALREADY})


@pytest.mark.parametrize("command", [("/opt/run",), ("python3", "-m", "helio")])
def test_what_another_program_starts_is_known_again(command: tuple[str, ...]) -> None:
    door = Door((*command, "stdio", "-c", "/etc/helio.yaml"), {})
    after, _ = led(LAYOUTS["one line"], door)
    assert led(after, door) == (after, {"files": State.ALREADY})
    assert disconnected(after, LAYOUTS["one line"], PLACES)[0] == LAYOUTS["one line"]


def test_what_a_person_led_through_helio_is_not_led_back() -> None:
    text = '{"mcpServers": {"a": {"command": "helio", "args": ["stdio", "--", "b"]}}}'
    assert disconnected(text, text, PLACES) == (text, [])


URL = '{{"mcpServers": {{"shop": {{"type": "{}", "url": "https://shop.example/mcp"{}}}}}}}'


@pytest.mark.parametrize(("transport", "url"), [("http", SHOP.http), ("sse", SHOP.sse)])
def test_a_url_that_is_an_upstream_becomes_helios(transport: str, url: str) -> None:
    text = URL.format(transport, ', "headers": {"Authorization": "Bearer x", "X-Team": "a"}')
    after, states = led(text)
    assert states == {"shop": State.CONNECTED}
    assert entry(after, "shop") == entry(text, "shop") | {"url": url}
    assert led(after) == (after, {"shop": State.ALREADY})
    assert disconnected(after, text, PLACES)[0] == text


def test_a_url_that_no_upstream_has_is_left_and_told() -> None:
    text = (
        '{"mcpServers": {"docs": {"url": "https://docs.example/mcp", "headers": {"api-key": "k"}}}}'
    )
    after, (server,) = connected(text, PLACES, DOOR)
    assert after == text
    assert (server.state, server.url, server.headers) == (
        State.LEFT,
        "https://docs.example/mcp",
        ("api-key",),
    )


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ({"url": "https://shop.example/mcp", "headers": {"api-key": "k"}}, "`api-key`"),
        ({"url": "https://${HOST}/mcp"}, "variables"),
        ({"type": "ws", "url": "wss://shop.example"}, "transport"),
        ({"command": "npx", "args": "-y"}, "not texts"),
        ({"command": ["npx"]}, "not texts"),
        ({"env": {}}, "neither"),
    ],
)
def test_what_helio_cannot_stand_before_is_left_with_a_reason(
    server: dict[str, Any], reason: str
) -> None:
    text = json.dumps({"mcpServers": {"a": server}})
    after, (told,) = connected(text, PLACES, DOOR)
    assert (after, told.state) == (text, State.LEFT)
    assert reason in str(told.reason)


def test_where_agents_need_tokens_no_url_is_taken_over() -> None:
    door = Door(DOOR.command, {}, "a token is needed")
    after, (told,) = connected(URL.format("http", ""), PLACES, door)
    assert (told.state, told.reason, told.url) == (State.LEFT, "a token is needed", None)
    assert after == URL.format("http", "")


def test_places_with_any_name_are_all_found() -> None:
    files = {"files": {"command": "npx"}}
    text = json.dumps({"mcpServers": files, "projects": {"/a": {"mcpServers": files}, "/b": {}}})
    places = (*PLACES, ("projects", "*", "mcpServers"))
    after, servers = connected(text, places, DOOR)
    assert [server.place for server in servers] == ["mcpServers", "projects./a.mcpServers"]
    assert json.loads(after)["projects"]["/a"]["mcpServers"]["files"]["command"] == "/opt/helio"
    assert disconnected(after, text, places)[0] == text


def test_what_a_person_changed_since_stays() -> None:
    before = LAYOUTS["one line"]
    after = json.loads(led(before)[0])
    after["mcpServers"]["files"]["args"].append("more")
    after["mcpServers"]["new"] = {"command": "new"}
    after["theme"] = "dark"
    back, _ = disconnected(json.dumps(after, indent=4), before, PLACES)
    assert json.loads(back) == {
        "mcpServers": {
            "files": {"command": "npx", "args": ["-y", "x", "more"]},
            "new": {"command": "new"},
        },
        "theme": "dark",
    }


def test_a_url_that_a_person_changed_since_is_theirs_where_helios_are_known() -> None:
    before = URL.format("http", "")
    changed = before.replace("shop.example", "new.example")
    assert disconnected(changed, before, PLACES, DOOR.urls()) == (changed, [])


SERVERS = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.fixed_dictionaries(
        {"command": st.text(max_size=6)},
        optional={
            "args": st.lists(st.text(max_size=4), max_size=4),
            "env": st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
            "disabled": st.booleans(),
        },
    ),
    max_size=4,
)


@settings(deadline=None)
@given(servers=SERVERS, indent=st.sampled_from([None, 2]), trailing=st.text(" \n", max_size=2))
def test_any_commands_go_and_come_back(servers: Any, indent: int | None, trailing: str) -> None:
    text = json.dumps({"other": [1], "mcpServers": servers}, indent=indent, ensure_ascii=False)
    text += trailing
    after, states = led(text)
    assert set(states.values()) <= {State.CONNECTED}
    for name, server in servers.items():
        found = entry(after, name)
        at = found["args"].index("--") + 1
        assert found["args"][at:] == [server["command"], *server.get("args", [])]
        assert found == server | {"command": "/opt/helio", "args": found["args"]}
    assert led(after)[0] == after
    assert disconnected(after, text, PLACES)[0] == text


@pytest.mark.parametrize(
    ("name", "expected"),
    [("files", "files"), ("My Server!", "My-Server"), ("a__b_", "a_b"), ("日本", "server")],
)
def test_names_that_rules_can_use(name: str, expected: str) -> None:
    assert upstream_name(name) == expected
