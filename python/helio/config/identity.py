"""Who the agents are and what their sessions are: the sections `auth` and `session`.

Above: `sections`. Below: `section`, `types`. Pure.
"""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from helio.config.scalars import Duration
from helio.config.section import Section
from helio.config.types import (
    Count,
    DurationField,
    File,
    HeaderName,
    KeysUrl,
    Leeway,
    Secret,
    Text,
    unfit,
)
from helio.diagnostics import Interpolated

MAX_AGENT: Final = 256
"""Characters of an agent's id, whoever says it."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE

Algorithm = Literal[
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
]
"""How a JWT may be signed (RFC 7518, RFC 8037). None of them has a key that agents could share."""

ALGORITHMS: Final[tuple[Algorithm, ...]] = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)


class TokenConfig(Section):
    """A bearer token and the agent that it stands for."""

    token: Secret
    agent: Text

    @field_validator("token")
    @classmethod
    def _fits_a_header(cls, token: SecretStr) -> SecretStr:
        return fit_for_a_header(token)

    @field_validator("agent")
    @classmethod
    def _fits_the_audit(cls, agent: str) -> str:
        if not is_agent(agent):
            raise unfit(f"an agent's id has at most {MAX_AGENT} characters, all of them visible")
        return agent


def fit_for_a_header(token: SecretStr) -> SecretStr:
    """The token, if it can be sent as a bearer token (RFC 6750, section 2.1)."""
    text = token.get_secret_value()
    unset = isinstance(text, Interpolated) and text.unset
    if not unset and _TOKEN.fullmatch(text) is None:
        raise unfit(
            "a bearer token has only letters, digits, `-._~+/`, and `=` at its end",
            "make one with `openssl rand -hex 32`",
        )
    return token


def is_agent(text: str) -> bool:
    """Whether the text can be an agent's id: visible, not blank, of at most `MAX_AGENT`
    characters.
    """
    return 0 < len(text) <= MAX_AGENT and text.isprintable() and not text.isspace()


_KEYS_OF_MODES: Final[dict[str, tuple[str, ...]]] = {
    "none": (),
    "bearer": ("tokens",),
    "jwt": (
        "jwks_url",
        "jwks_file",
        "issuer",
        "audience",
        "agent_claim",
        "algorithms",
        "leeway",
    ),
}


class AuthConfig(Section):
    """Who the agents are."""

    mode: Literal["none", "bearer", "jwt"] = "none"
    tokens: tuple[TokenConfig, ...] = ()
    jwks_url: KeysUrl | None = None
    jwks_file: File | None = None
    issuer: Text | None = None
    audience: Text | None = None
    agent_claim: Text = "sub"
    algorithms: tuple[Algorithm, ...] = ALGORITHMS
    leeway: Leeway = Duration(60 * _SECOND)

    @model_validator(mode="after")
    def _complete(self) -> "AuthConfig":
        self._refuse_keys_of_other_modes()
        if self.mode == "bearer":
            self._check_tokens()
        elif self.mode == "jwt":
            self._check_keys()
        return self

    def _refuse_keys_of_other_modes(self) -> None:
        for mode, keys in _KEYS_OF_MODES.items():
            for key in keys:
                if mode != self.mode and getattr(self, key) != type(self).model_fields[key].default:
                    raise unfit(
                        f"`{key}` is for `mode: {mode}`, and this is `mode: {self.mode}`",
                        f"write `mode: {mode}`, or remove `{key}`",
                    )

    def _check_tokens(self) -> None:
        if not self.tokens:
            raise unfit(
                "`mode: bearer` needs `tokens`",
                "write `tokens: [{ token: '${AGENT_TOKEN}', agent: a-name }]`",
            )
        seen: dict[str, str] = {}
        for each in self.tokens:
            token = each.token.get_secret_value()
            if isinstance(token, Interpolated) and token.unset:
                continue
            if token in seen:
                raise unfit(
                    f"one token stands twice in `tokens`, for `{seen[token]}` and `{each.agent}`",
                    "give each agent a token of its own; an agent may have several",
                )
            seen[token] = each.agent

    def _check_keys(self) -> None:
        if (self.jwks_url is None) == (self.jwks_file is None):
            raise unfit(
                "`mode: jwt` needs exactly one of `jwks_url` and `jwks_file`",
                "say where the issuer's public keys are",
            )
        for key in ("issuer", "audience"):
            if getattr(self, key) is None:
                raise unfit(
                    f"`mode: jwt` needs `{key}`",
                    "without it, tokens that were made for others would be taken",
                )
        if not self.algorithms:
            raise unfit("`algorithms` is empty, so no token could pass", "remove it")


class IdentitySource(Section):
    """A place where a session's id may stand. `kind: legacy_header` is a header that the server of
    a legacy revision hands out.
    """

    kind: Literal["header", "legacy_header"]
    name: HeaderName


_SOURCE_NAMES = {"header": "x-helio-session-id", "legacy_header": "mcp-session-id"}


def _short_forms(item: Any) -> Any:
    """`- header` is `- header: x-helio-session-id`, and that is kind and name."""
    if isinstance(item, str) and item in _SOURCE_NAMES:
        return {"kind": str(item), "name": _SOURCE_NAMES[item]}
    if isinstance(item, dict) and len(item) == 1 and next(iter(item)) in _SOURCE_NAMES:
        ((kind, name),) = item.items()
        return {"kind": kind, "name": name}
    if isinstance(item, IdentitySource):
        return item
    raise unfit("expected `header` or `legacy_header`, alone or with a header's name")


def _identity_sources() -> tuple[IdentitySource, ...]:
    return (
        IdentitySource(kind="header", name="x-helio-session-id"),
        IdentitySource(kind="legacy_header", name="mcp-session-id"),
    )


class SessionConfig(Section):
    """What a session is. The first source that gives an id wins."""

    identity: tuple[Annotated[IdentitySource, BeforeValidator(_short_forms)], ...] = Field(
        default_factory=_identity_sources
    )
    on_unresolved: Literal["deny", "anonymous"] = "deny"
    max: Count = 10_000
    max_per_agent: Count = 1_000
    idle_timeout: DurationField = Duration(_HOUR)
