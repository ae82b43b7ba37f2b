"""The SDK port of one Helio: its tokens, from the environment and the configuration, and what it
serves.

Above: `helio.app.application`. Below: `helio.sideband`, `helio.runtime.marking`.
"""

import json
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from aiohttp import web

from helio.approvals.broker import Broker
from helio.audit.journal import Journal
from helio.audit.recovery import Recovered
from helio.config.sections import HelioConfig
from helio.config.sideband import SdkConfig
from helio.errors import JournalUnavailable, ProgrammingError, StartFailed, UnknownTicket
from helio.evaluator import Redactor
from helio.governance.catalogue import Catalogue
from helio.governance.definitions import Tool
from helio.governance.feedback import instant
from helio.governance.sessions import Sessions
from helio.governance.ticket import Ticket
from helio.pipeline.events import CallReceived
from helio.pipeline.governance import ActivePolicy, Governance
from helio.pipeline.resuming import LeftCall
from helio.protocol.guards import host_rules
from helio.runtime import clock
from helio.runtime.driver import Driver
from helio.runtime.marking import Marking
from helio.sideband.access import Access
from helio.sideband.adapters import AdaptersView
from helio.sideband.api import application
from helio.sideband.evaluations import Evaluations
from helio.sideband.installs import InstallsView
from helio.sideband.marks import MarksView
from helio.sideband.rates import Rates
from helio.sideband.reported import Reported
from helio.sideband.tokens import Scope, Token, Tokens

logger = logging.getLogger(__name__)

VARIABLES: Final[Mapping[Scope, str]] = {
    "sdk": "HELIO_SDK_TOKEN",
    "adapter": "HELIO_ADAPTER_TOKEN",
}
_SHORTEST: Final = 16
STATE: Final = "reports"
"""What a checkpoint calls the reports that are remembered."""


class Sideband:
    """What stands behind the port. `made_token` is the SDK's, if nobody gave one: to be shown once.

    Raises `StartFailed` for a token of the environment that cannot be used.
    """

    def __init__(self, config: HelioConfig, environment: Mapping[str, str]) -> None:
        self._config = config
        self._evaluations: Evaluations | None = None
        self._given = [
            Token(VARIABLES[scope], _checked(VARIABLES[scope], environment), frozenset({scope}))
            for scope in VARIABLES
            if environment.get(VARIABLES[scope])
        ]
        self.made_token: str | None = None
        if not any("sdk" in each.scopes for each in (*self._given, *_configured(config.sdk))):
            self.made_token = secrets.token_urlsafe(32)
            self._given.append(Token("made", self.made_token, frozenset({"sdk"})))
        self.reported = Reported()
        self.secrets = [token.secret for token in self._given]
        self.take(config.sdk)

    def restore(self, recovered: Recovered) -> None:
        """What was reported before the last process ended."""
        self.reported.restore((recovered.state or {}).get(STATE, ()))
        self.reported.restore(recovered.reports)

    def checkpoint(self) -> Mapping[str, object]:
        """What a checkpoint holds of it."""
        return {STATE: self.reported.checkpoint()}

    def take(self, sdk: SdkConfig) -> None:
        """Takes other tokens, and what may be marked; those of the environment stay."""
        self._tokens = Tokens([*self._given, *_configured(sdk)], sdk.evidence)

    def application(
        self,
        journal: Journal,
        sessions: Sessions,
        policy: Callable[[], ActivePolicy],
        redactor: Redactor,
        *,
        driver: Driver,
        broker: Broker,
        left: Iterable[LeftCall],
    ) -> web.Application:
        """What the port serves; it goes on with what was `left` open."""
        sdk = self._config.sdk
        notes = Expiries(journal, self._config.environment)
        self._evaluations = Evaluations(
            driver, sdk.evaluation_ttl.seconds, notes.note, reported=self.reported
        )
        for call in left:
            governance = self._governance(policy, redactor, ())
            self._evaluations.resume(call, governance, _approval(call, broker))
        installs = InstallsView(
            self._evaluations,
            partial(self._governance, partial(_installing, policy), redactor),
        )
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
        adapters = AdaptersView(
            self._evaluations, broker, marks, partial(self._governance, policy, redactor)
        )
        routes = [*marks.routes(), *adapters.routes(), *installs.routes()]
        return application(access, routes, lambda: journal.available, sdk.max_body)

    async def stop(self) -> None:
        """Ends what evaluations wait for; those that may be reported stay open in the journal."""
        if self._evaluations is not None:
            await self._evaluations.aclose()

    def _governance(
        self, policy: Callable[[], ActivePolicy], redactor: Redactor, tools: tuple[Tool, ...]
    ) -> Governance:
        """What a call of an adapter's tool is governed by: the tool is what the adapter says."""
        config = self._config
        catalogue = Catalogue()
        catalogue.replace(tools)
        return Governance(
            policy=policy(),
            catalogue=catalogue,
            environment=config.environment,
            session_falls_back=config.session.on_unresolved == "anonymous",
            allow_unrecorded=config.audit.on_failure == "allow",
            include_responses=config.audit.include_responses,
            max_record=config.audit.max_record,
            current=policy,
            redactor=redactor,
        )


class Expiries:
    """Keeps in the audit that nobody reported what came of a call."""

    def __init__(self, journal: Journal, environment: str | None) -> None:
        self._journal = journal
        self._environment = environment

    def note(self, received: CallReceived) -> None:
        """One evaluation expired."""
        data: dict[str, object] = {
            "record_kind": "evaluation_expired",
            "timestamp": instant(clock.now().wall),
            "session_id": received.session.id,
            "session_source": received.session.source,
            "agent_id": received.agent,
            "environment": self._environment,
            "upstream": received.upstream,
            "tool_name": received.message.tool,
            "origin": received.origin,
            "metadata": json.dumps({"evaluation_id": received.call_id}),
        }
        try:
            self._journal.append_soon("evaluation_expired", data)
        except JournalUnavailable as error:
            logger.error("an expired evaluation is not recorded: %s", error)


def _installing(policy: Callable[[], ActivePolicy]) -> ActivePolicy:
    """What installations are judged by now."""
    install = policy().install
    if install is None:
        raise ProgrammingError("the policy was compiled without its configuration")
    return install


def _approval(call: LeftCall, broker: Broker) -> Ticket | None:
    """The last ticket that a call was approved by, as far as it is remembered."""
    for ticket_id in reversed(call.tickets):
        with suppress(UnknownTicket):
            return broker.get(ticket_id)
    return None


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
