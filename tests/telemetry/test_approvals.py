"""Counts of tickets, as Prometheus reads them."""

from dataclasses import replace

import pytest

from approvals.tickets import SECOND, ticket
from helio.governance.ticket import NotificationFailure, State
from helio.telemetry.approvals import ApprovalMetrics
from telemetry.test_metrics import values


def test_tickets_are_counted_by_how_they_ended() -> None:
    metrics = ApprovalMetrics(lambda: 7, ["dashboard"])
    assert values(metrics, "helio_approvals_pending") == {(): 7}
    for state in (State.APPROVED, State.APPROVED, State.DENIED, State.TIMEOUT):
        metrics.changed("requested", ticket())
        metrics.changed("resolved", ticket(state=state, resolved_at=45 * SECOND))
    found = values(metrics, "helio_approvals_total", "status")
    assert {status: count for (status,), count in found.items() if count} == {
        "approved": 2,
        "denied": 1,
        "timeout": 1,
    }
    assert found["break_glass",] == 0


def test_the_time_that_people_took_is_a_histogram_in_seconds() -> None:
    metrics = ApprovalMetrics(lambda: 0, [])
    for state, second in ((State.APPROVED, 45), (State.BREAK_GLASS, -1), (State.TIMEOUT, 300)):
        metrics.changed("resolved", ticket(state=state, resolved_at=second * SECOND))
    buckets = values(metrics, "helio_approval_wait_seconds_bucket", "le")
    assert (buckets["1.0",], buckets["30.0",], buckets["60.0",]) == (1, 1, 2)
    assert values(metrics, "helio_approval_wait_seconds_sum") == {(): pytest.approx(45)}


def test_failures_are_counted_by_the_channels_that_there_are() -> None:
    metrics = ApprovalMetrics(lambda: 0, ["dashboard", "slack"])
    for channel in ("slack", "slack", "gone since", "another"):
        failure = NotificationFailure(channel, "requested", 0, "nobody answers")
        changed = replace(ticket(), notification_failures=(failure,))
        metrics.changed("notification_failed", changed)
    assert values(metrics, "helio_approval_notification_failures_total", "channel") == {
        ("dashboard",): 0,
        ("slack",): 2,
        ("other",): 2,
    }
