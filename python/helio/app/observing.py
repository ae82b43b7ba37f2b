"""What a Helio tells to those who watch it: metrics on the operator port, traces and logs by OTLP.

Above: `helio.app.application`. Below: `helio.telemetry`, `helio.operator.metrics`.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from aiohttp import web

from helio.approvals.broker import Broker
from helio.config.sections import HelioConfig, OtlpConfig
from helio.evaluator import VERSION
from helio.operator.metrics import metrics_route
from helio.operator.seen import Seen
from helio.telemetry.approvals import ApprovalMetrics
from helio.telemetry.gauges import Gauge, Gauges
from helio.telemetry.metrics import CallMetrics
from helio.telemetry.observation import Observer

if TYPE_CHECKING:
    from helio.telemetry.collector import Collector

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 3.0
"""How long a collector may take for the last batch when Helio ends."""


class Observing:
    """Who looks at calls and at the tickets of `broker`. `metrics` counts calls, None when nobody
    scrapes, and operators look at what was `seen`; `is_listed` says whether an upstream lists a
    tool."""

    def __init__(
        self,
        config: HelioConfig,
        is_listed: Callable[[str, str], bool],
        broker: Broker,
        seen: Seen,
    ) -> None:
        self.metrics: CallMetrics | None = None
        self._approvals = ApprovalMetrics(lambda: len(broker.tickets("pending")), broker.channels)
        self._collector: Collector | None = None
        self._seen = seen if config.dashboard.enabled else None
        if config.telemetry.metrics and config.dashboard.enabled:
            self.metrics = CallMetrics(is_listed)
            broker.subscribe(self._approvals.changed)
        if config.telemetry.otlp is not None:
            self._collector = _collector(config.telemetry.otlp, config.environment)
            logging.getLogger().addHandler(self._collector.handler)

    @property
    def observers(self) -> Sequence[Observer]:
        """Everyone who looks at calls that are over."""
        found = (self.metrics, self._collector, self._seen)
        return [each for each in found if each is not None]

    @property
    def traces(self) -> bool:
        """Whether calls have spans of Helio's own."""
        return self._collector is not None

    def routes(self, gauges: Iterable[Gauge]) -> list[web.RouteDef]:
        """`/metrics`, with these gauges beside what is counted; nothing when nobody scrapes."""
        if self.metrics is None:
            return []
        return [metrics_route([self.metrics, self._approvals, Gauges(gauges)])]

    async def stop(self) -> None:
        """Sends what waits, within reason: the end does not wait for a collector that hangs."""
        collector = self._collector
        if collector is None:
            return
        logging.getLogger().removeHandler(collector.handler)
        closed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def close() -> None:
            collector.close()
            with contextlib.suppress(RuntimeError):  # The loop may be closed by then.
                loop.call_soon_threadsafe(closed.set)

        threading.Thread(target=close, name="helio-telemetry", daemon=True).start()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await closed.wait()
        except TimeoutError:
            logger.warning("the collector did not take the last traces and logs in time")


def _collector(config: OtlpConfig, environment: str | None) -> "Collector":
    """OpenTelemetry takes a while to import: only who configured a collector waits for it."""
    resource = {"service.name": "helio", "service.version": VERSION}
    if environment is not None:
        resource["deployment.environment.name"] = environment
    headers = {name: value.get_secret_value() for name, value in config.headers.items()}
    module = import_module("helio.telemetry.collector")
    made: Collector = module.Collector(str(config.endpoint), headers, resource, VERSION)
    return made
