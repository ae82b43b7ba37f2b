"""The ways to reach people: `approval.channels`.

Above: `sections`. Below: `section`, `types`, `addresses`. Pure.
"""

from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from helio.config.addresses import is_loopback, is_public, is_within, literal
from helio.config.section import Section
from helio.config.types import (
    ChannelUrl,
    HeaderValue,
    Name,
    NetworkField,
    Secret,
    SlackMember,
    Text,
    unfit,
)

SLACK_API: Final = "https://slack.com/api/"

_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "dashboard": (),
    "webhook": ("url", "secret"),
    "slack": ("bot_token", "signing_secret", "channel"),
}
_KNOWN: Final = {
    "dashboard": ("type", "name"),
    "webhook": ("type", "name", *_NEEDED["webhook"], "allow_private"),
    "slack": ("type", "name", *_NEEDED["slack"], "approvers", "api_url"),
}


class ChannelConfig(Section):
    """A way to reach people."""

    type: Literal["dashboard", "webhook", "slack"]
    name: Name | None = None
    url: ChannelUrl | None = None
    secret: Secret | None = None
    allow_private: tuple[NetworkField, ...] = ()
    bot_token: HeaderValue | None = None
    signing_secret: Secret | None = None
    channel: Text | None = None
    approvers: tuple[SlackMember, ...] = ()
    api_url: ChannelUrl = SLACK_API

    @model_validator(mode="after")
    def _complete(self) -> "ChannelConfig":
        for key in type(self).model_fields:
            if key in self.model_fields_set and key not in _KNOWN[self.type]:
                raise unfit(f"a {self.type} channel has no `{key}`")
        for key in _NEEDED[self.type]:
            if getattr(self, key) is None:
                raise unfit(f"a {self.type} channel needs `{key}`")
        if "approvers" in self.model_fields_set and not self.approvers:
            hint = "name the people who may, or leave `approvers` out: then all who see it may"
            raise unfit("nobody could answer: `approvers` is empty", hint)
        return self

    @model_validator(mode="after")
    def _leads_outside(self) -> "ChannelConfig":
        """What is private needs no name that lies to be one: it may stand there itself."""
        address = literal(urlsplit(self.url or "").hostname or "")
        if address is None or is_loopback(address) or is_public(address):
            return self
        if not is_within(address, self.allow_private):
            hint = f"if it is meant, write `allow_private: ['{address}']`"
            raise unfit("this address is not public", hint)
        return self

    @property
    def label(self) -> str:
        """What rules call it: its name, or its type."""
        return self.name or self.type
