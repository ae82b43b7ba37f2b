"""The whole of `helio.yaml` as models: one class a section, every key with its type and default.

Above: `loading` fills them; `helio.app` reads them. Below: `channels`, `identity`, `sideband`,
`section`, `types`. Pure.
Durations are milliseconds (`Duration`), sizes bytes, secrets `SecretStr`. What each key means:
docs/configuration.md. Sections whose capability this version lacks are here all the same: their own
faults are reported before they are refused (`availability`).
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SkipValidation, WithJsonSchema, model_validator

from helio.config.channels import ChannelConfig
from helio.config.identity import AuthConfig, SessionConfig
from helio.config.scalars import Duration
from helio.config.section import Section
from helio.config.sideband import SdkConfig
from helio.config.types import (
    Amount,
    Boolean,
    Count,
    Currency,
    Detectors,
    Directory,
    DurationField,
    File,
    HeaderName,
    HeaderValue,
    Host,
    Name,
    Origin,
    Place,
    Port,
    PublicUrl,
    RedactionKey,
    Secret,
    Size,
    Text,
    Texts,
    Url,
    Window,
    unfit,
)
from helio.diagnostics import Node

Opaque = Annotated[SkipValidation[Node | None], WithJsonSchema({})]
"""A part of the file as it is, of whatever size: the very object, which nothing walks through."""
_SECOND = 1_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
DEFAULT_UPSTREAM = "default"
"""What the one upstream of `upstream` is called."""
ADAPTER_PREFIX = "adapter:"
"""Before an adapter's origin, where a call by MCP has its upstream's name: none begins so."""
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


_OF_STDIO = ("command", "args", "env", "cwd", "processes", "max_processes")
_OF_OTHER_TRANSPORTS = {
    "streamable-http": (*_OF_STDIO, "idle_timeout"),
    "sse": _OF_STDIO,
    "stdio": ("url", "headers", "forward_headers"),
}
"""What would be ignored, and is refused instead."""


class UpstreamConfig(Section):
    """The tools' server."""

    url: Url | None = None
    transport: Literal["streamable-http", "sse", "stdio"] = "streamable-http"
    command: Text | None = None
    args: tuple[Text, ...] = ()
    env: dict[str, Secret] = Field(default_factory=dict)
    cwd: Directory | None = None
    processes: Literal["per_session", "shared"] = "per_session"
    max_processes: Count = 64
    idle_timeout: DurationField = Duration(30 * _MINUTE)
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    forward_headers: tuple[HeaderName, ...] = ()
    connect_timeout: DurationField = Duration(10 * _SECOND)
    request_timeout: DurationField = Duration(30 * _SECOND)
    protocol_version: Literal[
        "auto", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"
    ] = "auto"

    @model_validator(mode="after")
    def _reachable(self) -> "UpstreamConfig":
        if self.transport == "stdio":
            if self.command is None:
                raise unfit("`transport: stdio` needs `command`")
        elif self.url is None:
            raise unfit("`url` is missing", "write the upstream's address: `url: http://…/mcp`")
        for key in _OF_OTHER_TRANSPORTS[self.transport]:
            if key in self.model_fields_set:
                raise unfit(f"`transport: {self.transport}` has no `{key}`")
        return self


class NamedUpstreamConfig(UpstreamConfig):
    """One of several upstreams."""

    name: Name


class ListenConfig(Section):
    """The agents' door. Port 0 takes a free one."""

    host: Host = "127.0.0.1"
    port: Port = 3000
    allowed_origins: tuple[Origin, ...] = ()
    allowed_hosts: tuple[Host, ...] = LOOPBACK_NAMES
    max_body: Size = 4 * 1024 * 1024
    max_sse_sessions: Count = 1000
    public_url: PublicUrl | None = None


class ToolRevalidationConfig(Section):
    """How often the upstream's tool list is read again."""

    enabled: Boolean = True
    interval: DurationField = Duration(5 * _MINUTE)
    max_advertised_ttl: DurationField | None = None


class PoliciesConfig(Section):
    """What the rules stand in. `rules` and `install` are parts of the file as they are:
    `helio.policy` compiles them.
    """

    default: Literal["allow", "deny"] = "allow"
    rules: Opaque = Field(default=None, repr=False)
    flag_destructive: Literal["off", "log", "require_approval"] = "log"
    on_tool_drift: Literal["block", "require_approval", "log"] = "block"
    unknown_tools: Literal["allow", "deny"] = "allow"
    tool_revalidation: ToolRevalidationConfig = Field(default_factory=ToolRevalidationConfig)
    dry_run: Boolean = False
    shadow: Boolean = False
    blocked_as: Literal["tool_result", "error"] = "tool_result"
    hot_reload: Boolean = True
    hide_denied: Boolean = False
    install: Opaque = Field(default=None, repr=False)


class BudgetApprovalConfig(Section):
    """Who is asked about an overage."""

    channel: Name | None = None
    timeout: DurationField | None = None
    escalation_after: DurationField | None = None
    delegates: tuple[Text, ...] = ()


class ContributorConfig(Section):
    """The calls that a budget counts, and how much each is."""

    match: Opaque = Field(default=None, repr=False)
    field: Text | None = None
    amount: Amount | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "ContributorConfig":
        if (self.field is None) == (self.amount is None):
            raise unfit("a contributor has either `field` or `amount`")
        return self


class BudgetConfig(Section):
    """Money that many calls share."""

    name: Name
    limit: Amount
    currency: Currency
    window: Window
    key: Literal["global", "session", "agent", "sender_id"] = "global"
    on_exceed: Literal["deny", "require_approval"] = "deny"
    approval: BudgetApprovalConfig | None = None
    idle_ttl: DurationField = Duration(_DAY)
    contributors: tuple[ContributorConfig, ...]


def _dashboard_channel() -> tuple[ChannelConfig, ...]:
    return (ChannelConfig(type="dashboard"),)


class ApprovalConfig(Section):
    """How people are asked."""

    timeout: DurationField = Duration(300 * _SECOND)
    default_on_timeout: Literal["deny", "allow"] = "deny"
    mode: Literal["hold", "return"] = "hold"
    grant_ttl: DurationField = Duration(15 * _MINUTE)
    channels: tuple[ChannelConfig, ...] = Field(default_factory=_dashboard_channel)


class ArchiveConfig(Section):
    """Where days go that are over, and when. `path` is a directory, absolute or relative to the
    working directory once loaded, or a URL; None is `archive` in the audit's own."""

    path: Place | None = None
    after: DurationField = Duration(7 * _DAY)


class RedactRule(Section):
    """What must not be written: by path, key, pattern or detector, of all tools or some."""

    path: Texts = ()
    key: Texts = ()
    pattern: Texts = ()
    detect: Detectors = ()
    tool: Texts = ()
    action: Literal["mask", "hash"] = "mask"

    @model_validator(mode="after")
    def _one_way(self) -> "RedactRule":
        ways = ("path", "key", "pattern", "detect")
        if len(self.model_fields_set.intersection(ways)) != 1:
            raise unfit(
                "a rule has one of `path`, `key`, `pattern` and `detect`",
                "write several rules, each with one of them",
            )
        return self


class AuditConfig(Section):
    """What is kept of every call. `path` is absolute, or relative to the working directory, once
    loaded.
    """

    storage: Literal["duckdb", "sqlite"] = "duckdb"
    path: Directory = Field(default=Path("helio-audit"), validate_default=True)
    retention: DurationField = Duration(90 * _DAY)
    include_responses: Boolean = True
    durability: Literal["full", "intent", "relaxed"] = "intent"
    on_failure: Literal["block", "allow"] = "block"
    redact: tuple[RedactRule, ...] = ()
    redaction_key: RedactionKey | None = None
    max_record: Size = 256 * 1024
    signing_key: File | None = None
    archive: ArchiveConfig = Field(default_factory=ArchiveConfig)

    @model_validator(mode="after")
    def _sealed_before_deleted(self) -> "AuditConfig":
        if "after" in self.archive.model_fields_set and self.archive.after > self.retention:
            raise unfit(
                "`archive.after` is longer than `retention`",
                "days are sealed first and deleted later",
            )
        return self


class StateConfig(Section):
    """Where counters live."""

    backend: Literal["local", "redis"] = "local"
    url: Secret | None = None


class DashboardConfig(Section):
    """The operator port. Without `api_secret` one is made at start. Port 0 takes a free one."""

    enabled: Boolean = True
    host: Host = "127.0.0.1"
    port: Port = 3100
    api_secret: Secret | None = None
    allow_open_mode: Boolean = False
    sse_heartbeat_interval: DurationField = Duration(30 * _SECOND)

    @model_validator(mode="after")
    def _open_on_loopback_only(self) -> "DashboardConfig":
        if self.allow_open_mode and self.host not in ("localhost", "127.0.0.1", "::1", "[::1]"):
            raise unfit("`allow_open_mode` is for a loopback `host` only")
        return self


class OtlpConfig(Section):
    """Where traces and metrics are sent."""

    endpoint: Url
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)


class TelemetryConfig(Section):
    """What is measured."""

    metrics: Boolean = True
    otlp: OtlpConfig | None = None


class HelioConfig(Section):
    """A whole `helio.yaml`."""

    version: Literal["1"]
    upstream: UpstreamConfig | None = None
    upstreams: tuple[NamedUpstreamConfig, ...] = ()
    aggregate: Boolean = False
    listen: ListenConfig = Field(default_factory=ListenConfig)
    environment: Text | None = None
    auth: AuthConfig = Field(default_factory=AuthConfig)
    session: SessionConfig = Field(default_factory=SessionConfig)
    policies: PoliciesConfig = Field(default_factory=PoliciesConfig)
    budgets: tuple[BudgetConfig, ...] = ()
    approval: ApprovalConfig = Field(default_factory=ApprovalConfig)
    audit: AuditConfig = Field(default_factory=AuditConfig)
    state: StateConfig = Field(default_factory=StateConfig)
    dashboard: DashboardConfig = Field(default_factory=DashboardConfig)
    sdk: SdkConfig = Field(default_factory=SdkConfig)
    telemetry: TelemetryConfig = Field(default_factory=TelemetryConfig)
