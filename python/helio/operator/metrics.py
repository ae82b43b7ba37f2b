"""`GET /metrics`: what Prometheus and those who read its format scrape.

Above: `helio.app`. Below: `prometheus_client`.
"""

import asyncio
from collections.abc import Iterable, Iterator

from aiohttp import web
from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry


def metrics_route(collectors: Iterable[Collector]) -> web.RouteDef:
    """Answers in the form that the scraper accepts: Prometheus' text, or OpenMetrics.

    What counts is read at once, on the event loop, where it changes; it is written out in a thread,
    so that calls do not wait for that.
    """
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    for collector in collectors:
        registry.register(collector)

    async def answer(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        found = _Read(registry.collect())
        body = await asyncio.to_thread(encode, found)
        return web.Response(body=body, headers={"content-type": content_type})

    return web.get("/metrics", answer)


class _Read(CollectorRegistry):
    """Families that were read already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        super().__init__(auto_describe=False)
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        yield from self._families
