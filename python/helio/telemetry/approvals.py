"""What becomes of tickets, in the form of Prometheus.

Above: `helio.app.observing`. Below: `metrics`, `helio.governance.ticket`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from helio.governance.ticket import PENDING, State, Ticket
from helio.telemetry.labels import OTHER
from helio.telemetry.metrics import Durations

WAITS_MS: Final = (
    1_000,
    5_000,
    15_000,
    30_000,
    60_000,
    300_000,
    900_000,
    3_600_000,
    14_400_000,
    86_400_000,
)
"""Upper bounds of the buckets, in milliseconds: from a second to a day."""

_BY_PEOPLE: Final = (State.APPROVED, State.DENIED, State.BREAK_GLASS)


class ApprovalMetrics(Collector):
    """Counts of tickets (it subscribes to `helio.approvals.broker.Broker`).

    `pending` tells how many wait now. `channels` are those that there are: a failure of any other,
    which an earlier configuration had, is one of `other`. All begin at nothing, so that the first
    failure is seen as one.
    """

    def __init__(self, pending: Callable[[], int], channels: Iterable[str]) -> None:
        self._pending = pending
        self._ended = Counter({state.value: 0 for state in State if state not in PENDING})
        self._failures = Counter(dict.fromkeys(channels, 0))
        self._waits = Durations(WAITS_MS)

    def changed(self, change: str, ticket: Ticket) -> None:
        """Something happened to a ticket: `helio.approvals.subscribers.Change` says what."""
        if change == "resolved":
            self._ended[ticket.status] += 1
            if ticket.state in _BY_PEOPLE and ticket.resolved_at is not None:
                self._waits.observe(max(0, ticket.resolved_at - ticket.requested_at) / 1e6)
        elif change == "notification_failed":
            channel = ticket.notification_failures[-1].channel
            self._failures[channel if channel in self._failures else OTHER] += 1

    def collect(self) -> Iterator[Metric]:
        """The families, as they are now."""
        waiting = "Calls that wait for a person now."
        yield GaugeMetricFamily("helio_approvals_pending", waiting, value=self._pending())
        ended = "Tickets that are over, by how they ended."
        yield _counter("helio_approvals", ended, "status", self._ended)
        failed = "Notifications that a channel could not deliver."
        yield _counter("helio_approval_notification_failures", failed, "channel", self._failures)
        waited = "How long people took to decide."
        family = HistogramMetricFamily("helio_approval_wait_seconds", waited)
        buckets, total = self._waits.seconds()
        family.add_metric([], buckets=buckets, sum_value=total)
        yield family


def _counter(name: str, about: str, label: str, counts: Counter[str]) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
