"""`approval.channels`: what each kind needs, and where it may lead."""

import pytest

from helio.config import LoadedConfig, parse_config

SMALLEST = "version: '1'\nupstream: { url: 'http://localhost:8080/mcp' }\n"
PUBLIC = "listen: { allowed_hosts: [helio.example] }\n"
SECRET = "secret: 'a-secret-of-some-length'"
WEBHOOK = f"type: webhook, url: 'https://hooks.example/a', {SECRET}"
SLACK = "type: slack, bot_token: xoxb-1, signing_secret: abc, channel: '#approvals'"


def loaded(*channels: str, head: str = PUBLIC, **environment: str) -> LoadedConfig:
    listed = "".join(f"    - {{ {channel} }}\n" for channel in channels)
    text = f"{SMALLEST}{head}approval:\n  channels:\n{listed}"
    return parse_config(text, environment=environment, purpose="run")


def faults(*channels: str, head: str = PUBLIC) -> list[str]:
    found = loaded(*channels, head=head).diagnostics
    return [f"{each.code} {each.message}" for each in found]


@pytest.mark.parametrize(
    "channel",
    [
        WEBHOOK,
        f"{WEBHOOK}, name: people, allow_private: ['10.0.0.0/8', 'fd00::1']",
        WEBHOOK.replace("https://hooks.example", "http://127.0.0.1:9"),
        WEBHOOK.replace("https://hooks.example", "http://localhost"),
        WEBHOOK.replace("https://hooks.example", "http://[::1]:9"),
        f"{WEBHOOK.replace('hooks.example', '10.1.2.3')}, allow_private: ['10.1.2.3']",
        SLACK,
        f"{SLACK}, name: finance, approvers: [U012AB3CD, W9ZZ]",
        f"{SLACK}, api_url: 'http://127.0.0.1:9/api/'",
        "type: dashboard, name: desk",
    ],
)
def test_fine(channel: str) -> None:
    assert faults(channel) == []


@pytest.mark.parametrize(
    ("channel", "fault"),
    [
        ("type: webhook, url: 'https://a.example'", "a webhook channel needs `secret`"),
        (f"type: webhook, {SECRET}", "a webhook channel needs `url`"),
        (f"type: webhook, url: ~, {SECRET}", "a webhook channel needs `url`"),
        (f"{WEBHOOK}, channel: a", "a webhook channel has no `channel`"),
        (f"{SLACK}, url: 'https://a.example'", "a slack channel has no `url`"),
        (f"{SLACK}, allow_private: []", "a slack channel has no `allow_private`"),
        ("type: dashboard, approvers: [U012]", "a dashboard channel has no `approvers`"),
        (f"{SLACK}, approvers: []", "nobody could answer: `approvers` is empty"),
        (f"{SLACK}, approvers: [alice]", "expected a member ID such as `U012AB3CD`"),
        (f"{SLACK}, api_url: 'http://slack.example/'", "what is asked goes over `https`"),
        (WEBHOOK.replace("https", "http"), "what is asked goes over `https`"),
        (WEBHOOK.replace("hooks.example", "2130706433"), "an address is written in its usual form"),
        (WEBHOOK.replace("hooks.example", "0177.0.0.1"), "an address is written in its usual form"),
        (WEBHOOK.replace("hooks.example", "0x7f.1"), "an address is written in its usual form"),
        (WEBHOOK.replace("hooks.example", "127.1"), "an address is written in its usual form"),
        (WEBHOOK.replace("hooks.example", "169.254.169.254"), "this address is not public"),
        (WEBHOOK.replace("hooks.example", "[::ffff:a9fe:a9fe]"), "this address is not public"),
        (WEBHOOK.replace("hooks.example", "10.0.0.1"), "this address is not public"),
        (f"{WEBHOOK}, allow_private: ['10.0.0.1/8']", "this is not a network"),
        (f"{WEBHOOK}, allow_private: [intranet]", "this is not a network"),
        (SLACK.replace("xoxb-1", '"xoxb\\r\\nx: y"'), "a header's value may not hold a line break"),
    ],
)
def test_faults(channel: str, fault: str) -> None:
    (found,) = faults(channel)
    assert fault in found


def test_unknown_keys_are_found() -> None:
    (found,) = loaded(f"{SLACK}, aprovers: [U012]").diagnostics
    assert (found.message, found.hint) == ("unknown key `aprovers`", "did you mean `approvers`?")


def test_secrets_that_are_easily_guessed() -> None:
    (found,) = loaded("type: webhook, url: 'https://a.example', secret: short").diagnostics
    assert (found.code, found.path) == ("HL107", "approval.channels[0].secret")


def test_slack_must_reach_helio() -> None:
    assert faults(SLACK, head="") == ["HL109 Slack has no name by which it could reach Helio"]


def test_several_of_a_kind_have_names() -> None:
    assert faults(f"{SLACK}, name: a", f"{SLACK}, name: b", WEBHOOK) == []
    assert faults(SLACK, SLACK) == ["HL106 two channels are called `slack`"]


def test_what_is_not_set_yet_is_no_fault() -> None:
    channel = "type: webhook, url: '${URL}', secret: '${SECRET}', allow_private: ['${NETWORK}']"
    text = f"{SMALLEST}approval: {{ channels: [{{ {channel} }}] }}"
    found = parse_config(text, environment={}, purpose="compile")
    assert {each.code for each in found.diagnostics} == {"HL202"}
