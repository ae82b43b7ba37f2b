"""The policy that a replay tries: from a `helio.yaml`, or from a compiled graph.

Above: `replay`. Below: `helio.policy`, `helio.simulation`.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import typer

from helio.cli import output
from helio.config import LoadedConfig, load_config
from helio.config.identity import SessionConfig
from helio.evaluator import GraphError
from helio.governance.sessions import Sessions
from helio.pipeline.governance import ActivePolicy
from helio.policy import CompiledPolicy
from helio.policy.compiler import compile_loaded
from helio.simulation.money import Pricing
from helio.simulation.replay import Candidate, Replay

Compile = Callable[[str | None], CompiledPolicy]


@dataclass(frozen=True)
class LoadedCandidate:
    """A policy to try, and the `session` settings that go with it."""

    policy: CompiledPolicy
    candidate: Candidate
    session: SessionConfig

    @property
    def digest(self) -> str:
        """Of its rules."""
        return self.policy.digest

    @property
    def whole_sessions(self) -> bool:
        """Whether what counts is bounded by sessions, which may last however long."""
        pots = any(budget.window_ms is None for budget in self.policy.budgets)
        return pots or ActivePolicy(self.policy).needs_session

    def reaches_back_to(self, since: datetime | None) -> datetime | None:
        """From when on earlier calls count; None for all of them."""
        if since is None:
            return None
        spans = [limit.window_ms for limit in self.policy.limits]
        spans += [budget.window_ms or budget.idle_ttl_ms or 0 for budget in self.policy.budgets]
        if ActivePolicy(self.policy).needs_session:
            spans.append(int(self.session.idle_timeout))
        return since - timedelta(milliseconds=max(spans, default=0))

    def replay(self, since: datetime | None) -> Replay:
        """A replay that judges calls from `since` on."""
        start = None if since is None else _nanoseconds(since)
        sessions = Sessions(
            most=self.session.max,
            most_per_agent=self.session.max_per_agent,
            idle_ns=int(self.session.idle_timeout) * 1_000_000,
        )
        return Replay(self.candidate, start, sessions)


def load(path: Path, serving: Path) -> LoadedCandidate:
    """The policy at `path`. `serving` is the configuration that serves, which knows what calls are
    worth, too, if it is there. Ends the command, with every fault, when the policy is not valid."""
    try:
        text = path.read_bytes()
    except OSError as error:
        output.unreadable(path, error)
    compiled: Compile
    if text.lstrip().startswith(b"{"):
        policy = _from_graph(path, text)
        session = _session_of(serving)
        compiled = _whatever(policy)
    else:
        loaded = loaded_for_trying(path)
        policy = compiled_or_ended(loaded)
        session = SessionConfig() if loaded.config is None else loaded.config.session
        compiled = partial(compiled_in, path)
    candidate = Candidate(
        compiled,
        session_falls_back=session.on_unresolved == "anonymous",
        pricings=_pricings(serving, path),
    )
    return LoadedCandidate(policy, candidate, session)


def _from_graph(path: Path, text: bytes) -> CompiledPolicy:
    try:
        return CompiledPolicy.from_graph(text)
    except GraphError as error:
        output.fail(f"{path}: {error}", "`helio compile -o` writes such files")


def loaded_for_trying(path: Path) -> LoadedConfig:
    """A configuration that need not name an upstream, nor have its secrets."""
    environment: Mapping[str, str] = os.environ
    return load_config(path, environment=environment, purpose="compile", needs_upstream=False)


def _whatever(policy: CompiledPolicy) -> Compile:
    """A graph is compiled for one environment, whatever calls came in."""
    return lambda _environment: policy


def compiled_in(path: Path, environment: str | None) -> CompiledPolicy:
    """The policy as it would be where calls came in."""
    loaded = loaded_for_trying(path)
    if loaded.config is None:
        return compiled_or_ended(loaded)
    config = loaded.config.model_copy(update={"environment": environment})
    return compiled_or_ended(replace(loaded, config=config))


def compiled_or_ended(loaded: LoadedConfig) -> CompiledPolicy:
    """Its policy. Ends the command, with every fault, when there is none."""
    compiled = compile_loaded(loaded)
    if compiled.policy is None:
        output.show(compiled.diagnostics, compiled.source, errors=True)
        raise typer.Exit(output.FINDINGS)
    return compiled.policy


def _session_of(serving: Path) -> SessionConfig:
    config = loaded_for_trying(serving).config if serving.is_file() else None
    return SessionConfig() if config is None else config.session


def _pricings(serving: Path, path: Path) -> tuple[Pricing, ...]:
    if not serving.is_file() or serving.resolve() == path.resolve():
        return ()
    policy = compile_loaded(loaded_for_trying(serving)).policy
    return () if policy is None else (Pricing(policy),)


def _nanoseconds(moment: datetime) -> int:
    utc = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(utc.timestamp()) * 1_000_000_000 + utc.microsecond * 1000
