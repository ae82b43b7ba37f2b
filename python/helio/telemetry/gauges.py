"""What stands now: queues, state, health. Asked of those who know when a scraper asks.

Above: `helio.app` (says what there is to ask). Below: `prometheus_client`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Values: TypeAlias = Mapping[tuple[str, ...], float]
"""A gauge's values by its labels' values."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """One family: `read` tells its values now. `counts`: they only grow while Helio runs."""

    name: str
    about: str
    labels: tuple[str, ...]
    read: Callable[[], Values]
    counts: bool = False


class Gauges(Collector):
    """Several of them."""

    def __init__(self, gauges: Iterable[Gauge]) -> None:
        self._gauges = list(gauges)

    def describe(self) -> Iterable[Metric]:
        """The families without their values: nobody is asked before there is something to tell."""
        return [_family(gauge, {}) for gauge in self._gauges]

    def collect(self) -> Iterator[Metric]:
        """The families, as they are now."""
        for gauge in self._gauges:
            yield _family(gauge, gauge.read())


def single(read: Callable[[], float]) -> Callable[[], Values]:
    """The values of a gauge without labels."""
    return lambda: {(): read()}


def _family(gauge: Gauge, values: Values) -> Metric:
    make = CounterMetricFamily if gauge.counts else GaugeMetricFamily
    family = make(gauge.name, gauge.about, labels=gauge.labels)
    for labels, value in values.items():
        family.add_metric(list(labels), value)
    return family
