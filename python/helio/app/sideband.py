"""The SDK port of one Helio: its tokens, from the environment and the configuration, and what it
serves.

Above: `helio.app.application`. Below: `helio.sideband`, `helio.runtime.marking`.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from aiohttp import web

from helio.audit.journal import Journal
from helio.config.sections import HelioConfig
from helio.config.sideband import SdkConfig
from helio.errors import StartFailed
from helio.evaluator import Redactor
from helio.governance.sessions import Sessions
from helio.pipeline.governance import ActivePolicy
from helio.protocol.guards import host_rules
from helio.runtime.marking import Marking
from helio.sideband.access import Access
from helio.sideband.api import application
from helio.sideband.marks import MarksView
from helio.sideband.rates import Rates
from helio.sideband.tokens import Scope, Token, Tokens

VARIABLES: Final[Mapping[Scope, str]] = {
    "sdk": "HELIO_SDK_TOKEN",
    "adapter": "HELIO_ADAPTER_TOKEN",
}
_SHORTEST: Final = 16


class Sideband:
    """What stands behind the port. `made_token` is the SDK's, if nobody gave one: to be shown once.

    Raises `StartFailed` for a token of the environment that cannot be used.
    """

    def __init__(self, config: HelioConfig, environment: Mapping[str, str]) -> None:
        self._config = config
        self._given = [
            Token(VARIABLES[scope], _checked(VARIABLES[scope], environment), frozenset({scope}))
            for scope in VARIABLES
            if environment.get(VARIABLES[scope])
        ]
        self.made_token: str | None = None
        if not any("sdk" in each.scopes for each in (*self._given, *_configured(config.sdk))):
            self.made_token = secrets.token_urlsafe(32)
            self._given.append(Token("made", self.made_token, frozenset({"sdk"})))
        self.secrets = [token.secret for token in self._given]
        self.take(config.sdk)

    def take(self, sdk: SdkConfig) -> None:
        """Takes other tokens, and what may be marked; those of the environment stay."""
        self._tokens = Tokens([*self._given, *_configured(sdk)], sdk.evidence)

    def application(
        self,
        journal: Journal,
        sessions: Sessions,
        policy: Callable[[], ActivePolicy],
        redactor: Redactor,
    ) -> web.Application:
        """What the port serves."""
        sdk = self._config.sdk
        access = Access(
            hosts=host_rules(listen_host=sdk.host, configured=self._config.listen.allowed_hosts),
            tokens=lambda: self._tokens,
            rates=Rates(sdk.max_rate, "token"),
        )
        marks = MarksView(
            marking=Marking(journal, sessions, policy, redactor),
            sessions=sessions,
            tokens=lambda: self._tokens,
            rates=Rates(sdk.max_session_rate, "session"),
            agents_known=self._config.auth.mode != "none",
        )
        return application(access, marks.routes(), lambda: journal.available, sdk.max_body)


def _configured(sdk: SdkConfig) -> Iterator[Token]:
    for each in sdk.tokens:
        yield Token(
            each.name,
            each.token.get_secret_value(),
            frozenset(each.scopes),
            each.agents,
            each.evidence,
            each.expires,
        )


def _checked(variable: str, environment: Mapping[str, str]) -> str:
    """The token of a variable. Raises `StartFailed`."""
    token = environment[variable]
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise StartFailed(
            f"{variable} is no token: at least {_SHORTEST} visible ASCII characters, no spaces",
            "Make one with `openssl rand -hex 32`.",
        )
    return token
