"""The port of the SDK and of adapters: the section `sdk`.

Above: `sections`. Below: `identity` (what a token looks like), `section`, `types`. Pure.
"""

import contextlib
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    PlainValidator,
    SecretStr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from helio.config.identity import fit_for_a_header
from helio.config.scalars import Duration, UnfitValue, read_text
from helio.config.section import Section
from helio.config.types import (
    Boolean,
    Count,
    DurationField,
    Host,
    Name,
    Port,
    Secret,
    Size,
    Texts,
    reading,
    unfit,
)
from helio.diagnostics import Interpolated

Scope = Literal["sdk", "adapter"]
_SHORTEST_TOKEN: Final = 16


def _instant(value: object) -> datetime:
    text = read_text(value)
    if isinstance(text, Interpolated) and text.unset:
        return datetime.max.replace(tzinfo=UTC)
    found: datetime | None = None
    with contextlib.suppress(ValueError):
        found = datetime.fromisoformat(text)
    if found is None or found.tzinfo is None:
        hint = "write it as `2027-01-31T12:00:00Z`"
        raise UnfitValue("expected a time with its zone", hint, wrong_type=False)
    return found


Instant = Annotated[
    datetime,
    PlainValidator(reading(_instant)),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class SdkTokenConfig(Section):
    """A bearer token of the port, and what it is for. `agents` and `evidence` are globs; without
    `agents` it is for all of them, without `evidence` for all that `sdk.evidence` lets pass."""

    name: Name
    token: Secret
    scopes: tuple[Scope, ...] = ("sdk",)
    agents: Texts = ()
    evidence: Texts = ()
    expires: Instant | None = None

    @field_validator("token")
    @classmethod
    def _hard_to_guess(cls, token: SecretStr) -> SecretStr:
        text = fit_for_a_header(token).get_secret_value()
        unset = isinstance(text, Interpolated) and text.unset
        if not unset and len(text) < _SHORTEST_TOKEN:
            raise unfit(
                f"a token has at least {_SHORTEST_TOKEN} characters",
                "make one with `openssl rand -hex 32`",
            )
        return token

    @field_validator("scopes")
    @classmethod
    def _for_something(cls, scopes: tuple[Scope, ...]) -> tuple[Scope, ...]:
        if not scopes:
            raise unfit("a token without `scopes` opens nothing", "write `scopes: [sdk]`")
        return scopes


class SdkConfig(Section):
    """The port of the SDK and of adapters. Port 0 takes a free one. `evidence` are globs: under
    which names evidence may be marked at all."""

    enabled: Boolean = True
    host: Host = "127.0.0.1"
    port: Port = 3200
    evaluation_ttl: DurationField = Duration(600_000)
    max_body: Size = 4 * 1024 * 1024
    max_rate: Count = 20_000
    max_session_rate: Count = 2_000
    evidence: Texts = ("*",)
    tokens: tuple[SdkTokenConfig, ...] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> "SdkConfig":
        for what in ("name", "token"):
            seen: set[Any] = set()
            for each in self.tokens:
                value = getattr(each, what)
                text = value.get_secret_value() if isinstance(value, SecretStr) else value
                if isinstance(text, Interpolated) and text.unset:
                    continue
                if text in seen:
                    raise unfit(f"two of `tokens` have one `{what}`", "give each its own")
                seen.add(text)
        return self

    def lasting(self) -> dict[str, object]:
        """What a reload does not change: all but the tokens and what may be marked."""
        return self.model_dump(exclude={"tokens", "evidence"})
