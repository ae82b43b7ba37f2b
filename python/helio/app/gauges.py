"""What stands now in a Helio, for its metrics.

Above: `helio.app.application`. Below: the parts of the application that know, `helio.telemetry`.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Final, NamedTuple

from helio.app.governed import GovernedUpstreams
from helio.app.indexing import Indexing
from helio.app.memory import Memory
from helio.audit.journal import Journal
from helio.evaluator import VERSION
from helio.pipeline.governance import ActivePolicy
from helio.runtime import clock
from helio.telemetry.gauges import Gauge, Values, single
from helio.transport.reception import Reception

MOST_LIMITS: Final = 500
"""Limits and budgets that are told of."""


def gauges(
    *,
    journal: Journal,
    indexing: Indexing,
    memory: Memory,
    reception: Reception,
    upstreams: GovernedUpstreams,
    policy: Callable[[], ActivePolicy],
    reload_failed: Callable[[], bool],
) -> list[Gauge]:
    """Every gauge, each asked when it is read."""
    return [
        Gauge("helio_build_info", "This Helio.", ("version",), lambda: {(VERSION,): 1.0}),
        Gauge(
            "helio_policy_info",
            "The loaded policy.",
            ("digest",),
            lambda: {(policy().digest,): 1.0},
        ),
        Gauge(
            "helio_policy_rules",
            "Rules of the loaded policy.",
            (),
            single(lambda: float(len(policy().compiled.rules))),
        ),
        Gauge(
            "helio_policy_reload_failed",
            "1 when the saved file has faults and the earlier policy still holds.",
            (),
            single(lambda: float(reload_failed())),
        ),
        Gauge(
            "helio_requests_in_flight",
            "Requests of agents that are not answered yet.",
            (),
            single(lambda: float(reception.in_flight)),
        ),
        *_audit(journal, indexing),
        *_state(memory, policy),
        *_upstreams(upstreams),
    ]


def _audit(journal: Journal, indexing: Indexing) -> Iterable[Gauge]:
    return (
        Gauge(
            "helio_journal_available",
            "1 while the audit can be written; else calls are blocked.",
            (),
            single(lambda: float(journal.available)),
        ),
        Gauge(
            "helio_journal_queued_records",
            "Records that the disk does not have yet.",
            (),
            single(lambda: float(journal.queued)),
        ),
        Gauge(
            "helio_journal_records",
            "Records in the journal: the newest sequence number.",
            (),
            single(lambda: float(journal.sequence)),
            counts=True,
        ),
        Gauge(
            "helio_index_ready",
            "1 while the audit's index follows the journal.",
            (),
            single(lambda: float(indexing.state == "ready")),
        ),
    )


def _state(memory: Memory, policy: Callable[[], ActivePolicy]) -> Iterable[Gauge]:
    labels = ("kind", "name")
    return (
        Gauge(
            "helio_limit_windows",
            "Windows that hold anything, by limit (its rule) or budget (its name); "
            f"{MOST_LIMITS} of them at most.",
            labels,
            lambda: {found.labels: found.windows for found in _limits(memory, policy())},
        ),
        Gauge(
            "helio_limit_fullest_ratio",
            "How full the fullest window of a limit or budget is: 1 lets nothing more through.",
            labels,
            lambda: {found.labels: found.ratio for found in _limits(memory, policy())},
        ),
        Gauge(
            "helio_sessions",
            "Sessions that something is known of.",
            (),
            single(lambda: float(len(memory.sessions))),
        ),
    )


class _Counted(NamedTuple):
    labels: tuple[str, str]
    windows: float
    ratio: float


def _limits(memory: Memory, policy: ActivePolicy) -> Iterator[_Counted]:
    """The policy's own limits and budgets that count anything now."""
    compiled = policy.compiled
    known: dict[str, tuple[tuple[str, str], str]] = {
        **{limit.id: ((limit.kind, limit.rule), limit.maximum) for limit in compiled.limits},
        **{budget.id: (("budget", budget.name), budget.limit) for budget in compiled.budgets},
    }
    counted = memory.store.fullest(clock.now().monotonic)
    for level, windows in islice(counted, MOST_LIMITS):
        if level.limit in known:
            labels, text = known[level.limit]
            taken, maximum = Decimal(level.current) + Decimal(level.reserved), Decimal(text)
            ratio = taken / maximum if maximum else Decimal(bool(taken))
            yield _Counted(labels, float(windows), float(ratio))


def _upstreams(upstreams: GovernedUpstreams) -> Iterable[Gauge]:
    def each(read: Callable[[str], float]) -> Values:
        return {(name,): read(name) for name in known}

    known = {every.upstream.name: every for every in upstreams}
    return (
        Gauge(
            "helio_upstream_up",
            "0 while the upstream does not answer.",
            ("upstream",),
            lambda: each(lambda name: float(known[name].upstream.health.status != "down")),
        ),
        Gauge(
            "helio_upstream_tools",
            "Tools that the upstream lists.",
            ("upstream",),
            lambda: each(lambda name: float(len(known[name].catalogue))),
        ),
        Gauge(
            "helio_upstream_tools_drifted",
            "Tools whose definition is not what was accepted.",
            ("upstream",),
            lambda: each(lambda name: float(len(known[name].catalogue.drifts))),
        ),
    )
