"""The channels to people, as the configuration says, and the path by which Slack answers.

Above: `helio.app.application`. Below: `helio.approvals.channels`, `helio.transport`. Slack's
library is loaded only where a Slack channel is configured.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from helio.approvals.channels.dashboard import DashboardChannel
from helio.approvals.channels.port import Channel
from helio.approvals.channels.webhook import WebhookChannel
from helio.config.channels import ChannelConfig
from helio.errors import ProgrammingError, StartFailed
from helio.transport.admission import Guards
from helio.transport.door import Handler

if TYPE_CHECKING:
    from helio.approvals.channels.slack import SlackChannel
    from helio.approvals.channels.slack_actions import Desk

SLACK_PATH: Final = "/slack/actions"


class Reach:
    """All channels by their names; `dashboard` is always there. Made on a running event loop.

    `listens`: whether there is a port that Slack can send clicks to. Raises `StartFailed` for a
    Slack channel without: nobody could answer there.
    """

    def __init__(self, configured: Collection[ChannelConfig], *, listens: bool = True) -> None:
        if not listens and any(each.type == "slack" for each in configured):
            raise StartFailed(
                "a Slack channel needs a port that clicks can come to, and stdio has none",
                "Use `helio start`, or a channel of another type.",
            )
        self.channels: dict[str, Channel] = {"dashboard": DashboardChannel()}
        self._slack: list[SlackChannel] = []
        for each in configured:
            self.channels[each.label] = self._made(each)

    @property
    def paths(self) -> list[str]:
        """What is served on the agents' port for them."""
        return [SLACK_PATH] if self._slack else []

    def routes(self, desk: "Desk", guards: Guards) -> dict[str, Handler]:
        """How these paths are answered; `desk` is where tickets are resolved."""
        if not self._slack:
            return {}
        from helio.approvals.channels.slack_actions import SlackActions
        from helio.transport.slack_actions import slack_handler

        return {SLACK_PATH: slack_handler(SlackActions(self._slack, desk), guards)}

    def _made(self, config: ChannelConfig) -> Channel:
        match config.type:
            case "dashboard":
                return DashboardChannel(config.label)
            case "webhook":
                return WebhookChannel(
                    config.label,
                    config.url or "",
                    _revealed(config.secret),
                    allow_private=config.allow_private,
                )
            case "slack":
                return self._made_slack(config)

    def _made_slack(self, config: ChannelConfig) -> Channel:
        from helio.approvals.channels.slack import SlackChannel

        channel = SlackChannel(
            config.label,
            bot_token=_revealed(config.bot_token),
            signing_secret=_revealed(config.signing_secret),
            channel=config.channel or "",
            approvers=config.approvers,
            api_url=config.api_url,
        )
        self._slack.append(channel)
        return channel


def _revealed(secret: SecretStr | None) -> str:
    if secret is None:
        raise ProgrammingError("a channel's configuration has every key that its type needs")
    return secret.get_secret_value()
