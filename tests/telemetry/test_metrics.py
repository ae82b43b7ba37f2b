"""Counts of calls, as Prometheus reads them."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from helio.telemetry.gauges import Gauge, Gauges, single
from helio.telemetry.labels import BoundedLabel
from helio.telemetry.metrics import MOST_RULES, CallMetrics
from helio.telemetry.observation import EndedCall

ALLOWED: dict[str, object] = {
    "upstream": "shop",
    "tool_name": "pay",
    "policy_decision": "allow",
    "matched_rule": "payments",
    "status": "answered",
    "upstream_latency_ms": 3.0,
    "total_duration_ms": 4.2,
    "proxy_compute_ms": 1.2,
}
BLOCKED: dict[str, object] = {
    "upstream": "shop",
    "tool_name": "pay",
    "policy_decision": "rate_limited",
    "block_reason": "rate_limited",
    "matched_rule": "payments",
    "total_duration_ms": 0.2,
    "proxy_compute_ms": 0.2,
}


def ended(record: dict[str, object]) -> EndedCall:
    return EndedCall(record, 0, 0, None)


def samples(metrics: Collector) -> Iterator[Sample]:
    """What a scraper reads."""
    registry = CollectorRegistry()
    registry.register(metrics)
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        yield from family.samples


def values(metrics: Collector, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """A family's values by these of its labels."""
    found = [sample for sample in samples(metrics) if sample.name == name]
    assert all(set(sample.labels) == set(labels) for sample in found)
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in found}


def test_calls_are_counted_by_decision_tool_and_rule() -> None:
    metrics = CallMetrics(lambda _upstream, tool: tool == "pay")
    for record in (ALLOWED, ALLOWED, BLOCKED, BLOCKED | {"tool_name": "made up"}):
        metrics.call_ended(ended(record))
    assert values(metrics, "helio_calls_total", "upstream", "decision", "reason") == {
        ("shop", "allow", ""): 2,
        ("shop", "rate_limited", "rate_limited"): 2,
    }
    assert values(metrics, "helio_tool_calls_total", "upstream", "tool", "decision") == {
        ("shop", "pay", "allow"): 2,
        ("shop", "pay", "rate_limited"): 1,
        ("shop", "other", "rate_limited"): 1,
    }
    assert values(metrics, "helio_rule_calls_total", "rule", "decision") == {
        ("payments", "allow"): 2,
        ("payments", "rate_limited"): 2,
    }
    assert values(metrics, "helio_outcomes_total", "upstream", "outcome") == {
        ("shop", "answered"): 2
    }


def test_durations_are_histograms_in_seconds() -> None:
    metrics = CallMetrics(lambda _upstream, _tool: True)
    for record in (ALLOWED, BLOCKED, ALLOWED | {"total_duration_ms": 60_000.0}):
        metrics.call_ended(ended(record))
    buckets = values(metrics, "helio_call_duration_seconds_bucket", "upstream", "le")
    assert buckets["shop", "0.00025"] == 1
    assert buckets["shop", "0.005"] == 2
    assert buckets["shop", "30.0"] == 2
    assert buckets["shop", "+Inf"] == 3
    assert values(metrics, "helio_call_duration_seconds_count", "upstream") == {("shop",): 3}
    assert values(metrics, "helio_call_duration_seconds_sum", "upstream") == {
        ("shop",): pytest.approx(60.0044)
    }
    assert values(metrics, "helio_upstream_duration_seconds_count", "upstream") == {("shop",): 2}


def test_a_call_that_was_not_forwarded_has_no_upstream_duration() -> None:
    metrics = CallMetrics(lambda _upstream, _tool: True)
    metrics.call_ended(ended(ALLOWED | {"status": "not_forwarded"}))
    assert values(metrics, "helio_upstream_duration_seconds_count", "upstream") == {}
    assert values(metrics, "helio_outcomes_total", "upstream", "outcome") == {
        ("shop", "not_forwarded"): 1
    }


def test_labels_are_bounded() -> None:
    label = BoundedLabel(2)
    assert [label.of(value) for value in ("a", "b", "c", "a", None)] == ["a", "b", "other", "a", ""]
    metrics = CallMetrics(lambda _upstream, _tool: True)
    for number in range(MOST_RULES + 50):
        metrics.call_ended(ended(BLOCKED | {"matched_rule": f"rule {number}"}))
    rules = values(metrics, "helio_rule_calls_total", "rule", "decision")
    assert len(rules) == MOST_RULES + 1
    assert rules["other", "rate_limited"] == 50


def test_hostile_names_cannot_break_the_format() -> None:
    metrics = CallMetrics(lambda _upstream, _tool: True)
    name = 'a"b\\c\nhelio_calls_total{} 7'
    metrics.call_ended(ended(BLOCKED | {"matched_rule": name}))
    assert values(metrics, "helio_rule_calls_total", "rule", "decision") == {
        (name, "rate_limited"): 1
    }
    assert sum(values(metrics, "helio_calls_total", "upstream", "decision", "reason").values()) == 1


def test_gauges_are_asked_when_they_are_read() -> None:
    queue = [1]
    gauges = Gauges(
        [
            Gauge("helio_queue", "What waits.", (), single(lambda: float(len(queue)))),
            Gauge("helio_done", "What was done.", ("kind",), lambda: {("x",): 7.0}, counts=True),
        ]
    )
    assert values(gauges, "helio_queue") == {(): 1}
    queue.append(2)
    assert values(gauges, "helio_queue") == {(): 2}
    assert values(gauges, "helio_done_total", "kind") == {("x",): 7}
