"""The channels of a configuration."""

import subprocess
import sys

import pytest

from helio.app.reaching import SLACK_PATH, Reach
from helio.approvals.channels.dashboard import DashboardChannel
from helio.approvals.channels.slack import SlackChannel
from helio.approvals.channels.webhook import WebhookChannel
from helio.config import parse_config
from helio.config.channels import ChannelConfig
from helio.errors import StartFailed
from helio.protocol.guards import host_rules, origin_rules
from helio.transport.admission import Guards


def configured(*channels: str) -> tuple[ChannelConfig, ...]:
    head = (
        "version: '1'\nupstream: { url: 'http://localhost:1' }\nlisten: { allowed_hosts: [a.b] }\n"
    )
    text = f"{head}approval: {{ channels: [{', '.join(channels)}] }}"
    found = parse_config(text, environment={}, purpose="run")
    assert found.config is not None, [each.message for each in found.diagnostics]
    return found.config.approval.channels


async def closed(reach: Reach) -> None:
    for each in reach.channels.values():
        await each.aclose()


async def test_every_channel_by_its_name() -> None:
    slack = "type: slack, bot_token: xoxb-1, signing_secret: abc, channel: '#a'"
    webhook = "type: webhook, url: 'https://hooks.example/', secret: 'a-secret-of-some-length'"
    reach = Reach(
        configured(
            f"{{ {slack}, name: finance }}", f"{{ {slack} }}", f"{{ {webhook}, name: programs }}"
        )
    )
    kinds = {name: type(channel) for name, channel in reach.channels.items()}
    assert kinds == {
        "dashboard": DashboardChannel,
        "finance": SlackChannel,
        "slack": SlackChannel,
        "programs": WebhookChannel,
    }
    assert {name: channel.name for name, channel in reach.channels.items()} == {
        name: name for name in kinds
    }
    assert reach.paths == [SLACK_PATH]
    await closed(reach)


async def test_slack_where_nobody_could_answer() -> None:
    slack = "{ type: slack, bot_token: xoxb-1, signing_secret: abc, channel: '#a' }"
    with pytest.raises(StartFailed, match="needs a port") as raised:
        Reach(configured(slack), listens=False)
    assert "helio start" in raised.value.hint
    await closed(Reach(configured("{ type: dashboard }"), listens=False))


async def test_without_slack_nothing_is_served_for_it() -> None:
    reach = Reach(configured("{ type: dashboard, name: desk }"))
    assert list(reach.channels) == ["dashboard", "desk"]
    assert reach.paths == []
    guards = Guards(host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[]), 1)
    # Nobody resolves anything by a path that is not there.
    assert reach.routes(None, guards) == {}  # type: ignore[arg-type]
    await closed(reach)


def test_slacks_library_is_loaded_for_slack_only() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, helio.app.application; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert not any(name.startswith("slack_sdk") for name in loaded.stdout.split())
